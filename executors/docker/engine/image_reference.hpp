#pragma once

#include "muster/base/result.hpp"

#include <string>
#include <string_view>

namespace muster::docker {

/// The name of an image, in full: what `alpine` is short for.
struct image_reference {
  std::string registry;   ///< `docker.io`, `ghcr.io`, `host:5000`.
  std::string repository; ///< `library/alpine`.
  std::string tag;        ///< `latest` unless given; empty if there is a digest and no tag.
  std::string digest;     ///< `sha256:...`; empty if none is given. Counts more than the tag.

  /// What the Engine takes as `fromImage`, and shows: `alpine`, `user/app`, `host:5000/a/b`.
  [[nodiscard]] std::string familiar_name() const;
  /// What the Engine takes as `tag`: the digest, else the tag.
  [[nodiscard]] const std::string& version() const noexcept { return digest.empty() ? tag : digest; }
  /// `alpine:3.18`, `host:5000/a/b@sha256:...`: two texts that mean the same image give the same.
  [[nodiscard]] std::string familiar() const;
};

/// Reads the name of an image by the rules of the distribution project. Fails with `invalid_argument` and says which
/// part is wrong.
[[nodiscard]] result<image_reference> parse_image_reference(std::string_view text);

} // namespace muster::docker
