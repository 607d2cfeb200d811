#include "muster/base/openssl_reason.hpp"

#include <openssl/err.h>

#include <system_error>

namespace muster {

std::string openssl_reason() {
  // The first is the cause; later ones say in which steps it came up.
  const auto code = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code))
    return std::generic_category().message(ERR_GET_REASON(code));
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

} // namespace muster
