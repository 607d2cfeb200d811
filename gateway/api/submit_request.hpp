#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/spec/load.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::gateway {

/// A spec that somebody sent, and how it is to be read and run.
struct submit_request {
  std::string spec;
  spec::profile profile = spec::profile::muster;
  std::string pool; ///< Empty: as the spec says.
  std::vector<std::string> set;
  std::vector<std::string> set_string;
  std::vector<std::string> set_env;
  std::string parameters;                    ///< JSON or YAML; empty for none.
  std::map<std::string, std::string> labels; ///< Beside those of the spec, and stronger.
  bool dry_run = false;
  bool no_cache = false;
  gang_priority priority = gang_priority::normal;
  std::map<std::string, std::string> files; ///< By the `localpath` that names them.
};

/// Reads a body in one of three forms: a spec as `application/yaml` with its options in the query, one JSON object, or
/// `multipart/form-data` with the parts `spec`, `options` (that object without `spec`) and files. Fails with
/// `invalid_argument` or `limit_exceeded`, naming what is wrong.
[[nodiscard]] result<submit_request> read_submit_request(const http::request& x);

/// Reads the spec. Nothing of this machine's disk is ever read: files come from the request or not at all.
[[nodiscard]] spec::load_outcome load_spec(const submit_request& x);

/// What is kept with the workflow of how it was submitted, as JSON: never the contents of files.
[[nodiscard]] std::string options_of(const submit_request& x);

} // namespace muster::gateway
