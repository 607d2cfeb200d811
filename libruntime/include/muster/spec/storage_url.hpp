#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>

namespace muster::spec {

/// A place in an object store.
struct storage_url {
  std::string uri;       ///< As written.
  std::string scheme;    ///< `s3`, `gs`, `swift`, `tos` or `azure`.
  std::string container; ///< The bucket or container.
  std::string path;      ///< Inside the container, without a slash in front; may be empty.
  std::string profile;   ///< What credentials are kept for: scheme and host, and for some schemes the container.
  bool environment_auth = false; ///< Whether the store can be reached with credentials of the environment.
};

/// Reads a storage URL of OSMO's five schemes, in lower case. Components exclude `/ , ; *` and are not empty: s3 and gs
/// need one, tos and azure two, swift three.
[[nodiscard]] result<storage_url> parse_storage_url(std::string_view text);

/// Whether `text` is of the form that `checkpoint[].url` needs: as above, with nothing else read into it.
[[nodiscard]] bool is_storage_url(std::string_view text);

/// Whether `text` starts with `file:`.
[[nodiscard]] bool is_file_url(std::string_view text);

/// The absolute path of `file:///path` or `file://localhost/path`, with `%41` decoded. No `..`, no NUL.
[[nodiscard]] result<std::string> parse_file_url(std::string_view text);

} // namespace muster::spec
