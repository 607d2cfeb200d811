#pragma once

#include "muster/spec/load.hpp"

#include <string>

namespace muster::spec {

/// Reads the file that `localpath` names into `out.contents`, relative to `options.base_dir`. Bytes that are not UTF-8
/// become base64, under `profile::muster`. Returns what went wrong, or an empty text.
[[nodiscard]] std::string read_local_file(const std::string& name, const load_options& options, file& out);

/// The bytes of a regular file of at most `limit` bytes. Never blocks on a FIFO or device.
[[nodiscard]] result<std::string> read_regular_file(const std::string& path, std::size_t limit);

} // namespace muster::spec
