#include "gateway/auth/token.hpp"

#include "muster/base/sha256.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace muster::gateway {

namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t secret_characters = 43;

template <std::size_t Size>
std::array<unsigned char, Size> random_bytes() {
  std::array<unsigned char, Size> out{};
  for (std::size_t filled = 0; filled < Size;) {
    const auto got = ::getrandom(out.data() + filled, Size - filled, 0);
    if (got > 0)
      filled += static_cast<std::size_t>(got);
    else if (errno != EINTR)
      std::abort(); // Without randomness no token may be made.
  }
  return out;
}

template <std::size_t Size>
std::string base64url(const std::array<unsigned char, Size>& bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  unsigned held = 0;
  for (const auto byte : bytes) {
    bits = bits << 8U | byte;
    for (held += 8; held >= 6; held -= 6)
      out += digits[bits >> (held - 6) & 63U];
  }
  if (held > 0)
    out += digits[bits << (6 - held) & 63U];
  return out;
}

} // namespace

std::string new_token() {
  return std::string{token_prefix} + base64url(random_bytes<secret_bytes>());
}

std::string hash_of_token(std::string_view token) {
  return sha256_of(token);
}

std::string new_token_id() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "t_";
  for (const auto byte : random_bytes<8>()) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

bool looks_like_token(std::string_view text) noexcept {
  return text.size() == token_prefix.size() + secret_characters &&
         text.substr(0, token_prefix.size()) == token_prefix && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

} // namespace muster::gateway
