#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster::http {

/// Which bytes of something are wanted.
struct byte_range {
  std::uint64_t first = 0;
  std::uint64_t size = 0; ///< At least one, where `kind` is `some`.
  enum class kind : std::uint8_t {
    all,  ///< No range, or one that is not understood or not supported, which is to be ignored (RFC 9110 section 14.2).
    some, ///< To be answered with 206.
    none, ///< Outside of what there is: 416.
  } what = kind::all;
};

/// Understands a `Range` header with one range of bytes. Several are answered as `all`: they are allowed to be ignored,
/// and are rather a means to make a server work than anything that is needed.
[[nodiscard]] byte_range parse_range(std::string_view header, std::uint64_t size);

/// The `Content-Range` of an answer: `bytes 0-9/100`, or `bytes */100` for `none`.
[[nodiscard]] std::string content_range(const byte_range& x, std::uint64_t size);

/// Whether a list of entity tags, such as `If-None-Match` has, names `tag` or is `*`. Weak tags compare as equal if
/// `weak`, else they never do.
[[nodiscard]] bool names_tag(std::string_view list, std::string_view tag, bool weak);

} // namespace muster::http
