#include "gateway/webhooks/signature.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <vector>

namespace muster::gateway {

namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t secret_bytes = 32;

std::string base64(const unsigned char* data, std::size_t size) {
  std::string out((size + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(size));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

/// The bytes behind a secret; empty if it is none.
std::vector<unsigned char> key_of(std::string_view secret) {
  if (secret.substr(0, prefix.size()) != prefix)
    return {};
  const auto text = secret.substr(prefix.size());
  std::vector<unsigned char> out(text.size() / 4 * 3 + 1);
  const int length =
      EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0 || text.empty())
    return {};
  std::size_t padding = 0;
  while (padding < text.size() && text[text.size() - 1 - padding] == '=')
    ++padding;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

} // namespace

result<std::string> make_webhook_secret() {
  std::array<unsigned char, secret_bytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return {ec::io_error, "no random bytes can be had for a secret"};
  return std::string{prefix} + base64(bytes.data(), bytes.size());
}

result<std::string> sign_webhook(std::string_view secret, std::string_view id, std::int64_t seconds,
                                 std::string_view body) {
  const auto key = key_of(secret);
  if (key.empty())
    return {ec::invalid_argument, "the secret of a webhook begins with whsec_ and goes on in base64"};
  std::string text{id};
  text.append(".").append(std::to_string(seconds)).append(".").append(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
           text.size(), digest.data(), &size) == nullptr)
    return {ec::internal, "a webhook could not be signed"};
  return "v1," + base64(digest.data(), size);
}

} // namespace muster::gateway
