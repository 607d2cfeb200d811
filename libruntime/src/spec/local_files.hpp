#pragma once

#include "muster/spec/load.hpp"
#include "muster/spec/regular_file.hpp"

#include <string>

namespace muster::spec {

/// Reads the file that `localpath` names into `out.contents`, relative to `options.base_dir`. Bytes that are not UTF-8
/// become base64, under `profile::muster`. Returns what went wrong, or an empty text.
[[nodiscard]] std::string read_local_file(const std::string& name, const load_options& options, file& out);

} // namespace muster::spec
