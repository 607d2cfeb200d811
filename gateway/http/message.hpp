#pragma once

#include "gateway/http/stream.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::http {

/// Header names compare without regard to case.
struct header_less {
  using is_transparent = void;
  [[nodiscard]] bool operator()(std::string_view a, std::string_view b) const noexcept;
};

using header_map = std::multimap<std::string, std::string, header_less>;

/// A request as it was read whole, within the server's limits.
struct request {
  std::string method; ///< `GET`, `POST`, ...
  std::string path;   ///< Percent-decoded, without the query; begins with `/`. For people: routes go by `parts`.
  /// Its segments, decoded one by one: an escaped `/` within a segment stays in it. None is empty, `.` or `..`.
  std::vector<std::string> parts;
  std::vector<std::pair<std::string, std::string>> query; ///< Decoded, in order.
  std::map<std::string, std::string> segments;            ///< What the route's `{names}` matched.
  header_map headers;
  std::string body;
  std::string peer;           ///< Address of the client, such as `127.0.0.1`.
  bool peer_is_local = false; ///< It is a loopback address.
  bool tls = false;           ///< The connection is encrypted.
  std::string id;             ///< Unique in this process; for logs and the `X-Request-Id` of the answer.
  /// For `server_config::admit` to say that its body was let in though nobody knew yet who sends it.
  bool is_unproven = false;

  /// The first header of that name.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  /// The first query parameter of that name.
  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};

/// What is answered. A body that is `stream` is sent in chunks as it is produced; its length is unknown unless
/// `stream_length` says.
struct response {
  unsigned status = 200;
  header_map headers; ///< `Content-Length`, `Connection` and `Date` are the server's.
  std::string body;
  std::unique_ptr<body_stream> stream;
  std::optional<std::uint64_t> stream_length{};
};

} // namespace muster::http
