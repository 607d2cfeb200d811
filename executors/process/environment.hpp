#pragma once

#include "executors/driver.hpp"
#include "executors/process/warden/protocol.hpp"
#include "muster/spec/tokens.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What a task finds in its environment. docs/process-driver.md lists it for users.
namespace muster::process {

using environment_map = std::map<std::string, std::string>;

/// What tasks inherit of Muster's own environment, where set: PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*,
/// TERM, TZ, TMPDIR, LD_LIBRARY_PATH, the proxy variables and SSL_CERT_*. Nothing else: a task must not depend on the
/// shell that happened to start Muster.
[[nodiscard]] environment_map inherited_environment();

/// Where an attempt writes its result, and where it finds those of others.
[[nodiscard]] std::string result_file(const std::string& attempt_folder);
[[nodiscard]] std::string results_folder(const std::string& attempt_folder);

/// The values of the tokens of an attempt: output, input:N, input:<task>, host:<task>, workflow_id, and its own.
[[nodiscard]] spec::token_values tokens_of(const attempt_spec& spec);

/// How tasks are told which GPUs are theirs.
struct visible_gpus {
  bool are_shared_out = false; ///< Who has none is to see none.
  /// Index -> UUID, of those that are known. A name that stays the same whatever order CUDA counts in.
  std::map<std::uint32_t, std::string> uuids{};
};

/// The whole environment of an attempt: inherited, then what its flow adds, then the task's own with tokens replaced,
/// then MUSTER_*.
[[nodiscard]] environment_map environment_of(const attempt_spec& spec, const environment_map& inherited,
                                             const spec::token_values& tokens, const visible_gpus& gpus);

/// A command looked up as a shell does.
struct found_command {
  std::string program;
  std::int32_t refuse_code = 0; ///< 126 or 127 if it cannot run.
  std::string refuse_text;
};

/// Looks `name` up in `path`; a name with a slash is taken as it is.
[[nodiscard]] found_command find_command(const std::string& name, std::string_view path);

} // namespace muster::process
