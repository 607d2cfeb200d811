#pragma once

#include "gateway/http/message.hpp"

#include <string>
#include <string_view>

namespace muster::http {

/// Why the server itself answers a request, and how.
struct refusal {
  unsigned status = 400;
  std::string_view code = "bad_request"; ///< The stable code of the problem document.
  std::string detail;
};

/// The problem document for it. `id` names the request.
[[nodiscard]] response answer_of(const refusal& x, std::string_view id);

/// The words that stand behind a status code in a status line, such as `Not Found`.
[[nodiscard]] std::string_view reason_of(unsigned status) noexcept;

} // namespace muster::http
