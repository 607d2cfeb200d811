#pragma once

#include "muster/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace muster::spec {

/// A container image, by the parts of its reference.
struct image_reference {
  std::string host = "registry-1.docker.io"; ///< The registry; Docker Hub when the reference names none.
  int port = 443;
  std::string name;                  ///< With `library/` in front for Docker Hub's official images.
  std::optional<std::string> tag;    ///< `latest` when there is neither tag nor digest.
  std::optional<std::string> digest; ///< Such as `sha256:...`; beats the tag.

  /// Where the registry serves its manifest.
  [[nodiscard]] std::string manifest_url() const;
};

/// Reads `[host[:port]/]name[:tag][@digest]`. A first part is a host when it has a dot, a port, or is `localhost`;
/// names are in lower case.
[[nodiscard]] result<image_reference> parse_image(std::string_view text);

} // namespace muster::spec
