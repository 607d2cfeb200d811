#pragma once

#include "gateway/http/message.hpp"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace muster::http {

/// How the end of an answer's body is told, and what becomes of the connection.
struct answer_framing {
  std::optional<std::uint64_t> length; ///< Known beforehand.
  bool chunked = false;                ///< If not: it ends with the connection, unless `length` is there.
  bool no_content = false;             ///< Has no body by its status: no length is told.
  bool keep_alive = true;
  bool client_is_1_1 = true;
};

/// Status line and headers with the blank line. What stands in the way of that is left out: names that are none,
/// control characters in values, and headers that are the server's own. `more` is added unless the answer has that name
/// itself.
[[nodiscard]] std::string head_of(const response& x, const answer_framing& how, const header_map& more,
                                  std::string_view request_id);

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
[[nodiscard]] std::string http_date(std::time_t when);

/// What `http_date` wrote; nothing if `text` is no such date.
[[nodiscard]] std::optional<std::time_t> parse_http_date(std::string_view text);

} // namespace muster::http
