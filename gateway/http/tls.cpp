#include "gateway/http/tls.hpp"

#include "muster/base/openssl_reason.hpp"

#include <algorithm>
#include <array>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace muster::http {
namespace {

/// Nobody is there to type one.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

/// Of the protocols that the client offers (ALPN), takes HTTP/1.1; others are not refused, but not confirmed either.
int choose_protocol(SSL* /*connection*/, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void* /*user*/) {
  static constexpr std::array<unsigned char, 9> known{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, known.data(), known.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

} // namespace

result<std::shared_ptr<ssl_ctx_st>> load_tls(const tls_files& files) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr)
    return {ec::internal, "OpenSSL cannot make a context: " + openssl_reason()};
  auto* x = context.get();
  SSL_CTX_set_min_proto_version(x, TLS1_2_VERSION);
  SSL_CTX_set_options(x, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(x, no_password);
  SSL_CTX_set_alpn_select_cb(x, choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(x, files.certificate.c_str()) != 1)
    return {ec::invalid_argument,
            "the certificate chain " + files.certificate.string() + " cannot be used: " + openssl_reason()};
  if (SSL_CTX_use_PrivateKey_file(x, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return {ec::invalid_argument, "the private key " + files.key.string() + " cannot be used: " + openssl_reason()};
  if (SSL_CTX_check_private_key(x) != 1)
    return {ec::invalid_argument, "the private key " + files.key.string() + " is not that of the certificate " +
                                      files.certificate.string() + ": " + openssl_reason()};
  return context;
}

} // namespace muster::http
