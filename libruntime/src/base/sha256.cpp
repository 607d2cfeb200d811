#include "muster/base/sha256.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <new>

namespace muster {

namespace {

struct closer {
  void operator()(EVP_MD_CTX* x) const noexcept { EVP_MD_CTX_free(x); }
};

} // namespace

struct sha256::state {
  std::unique_ptr<EVP_MD_CTX, closer> context{EVP_MD_CTX_new()};
};

// Without memory for a context, or without SHA-256 in the library, nothing can be done here.
sha256::sha256() : state_(std::make_unique<state>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc{};
}

sha256::~sha256() = default;

void sha256::add(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1)
    throw std::bad_alloc{};
}

void sha256::add_field(std::string_view bytes) {
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<char>((static_cast<std::uint64_t>(bytes.size()) >> (8 * i)) & 0xFFU);
  add({length.data(), length.size()});
  add(bytes);
}

std::string sha256::hex() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), bytes.data(), &size) != 1)
    throw std::bad_alloc{};
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4U];
    out += digits[bytes[i] & 0xFU];
  }
  return out;
}

std::string sha256_of(std::string_view bytes) {
  sha256 x;
  x.add(bytes);
  return x.hex();
}

} // namespace muster
