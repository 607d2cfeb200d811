#include "actors/agents/tls_session.hpp"

#include "muster/base/openssl_reason.hpp"

#include <cerrno>
#include <cstdint>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <utility>

namespace muster::agent {

namespace {

/// Nobody is there to type one.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

// -- the socket, as OpenSSL sees it. Its own raises SIGPIPE when the peer is gone.

int socket_of(BIO* x) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(x)));
}

bool is_worth_another_try() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int send_to_socket(BIO* x, const char* from, int count) {
  BIO_clear_retry_flags(x);
  const auto sent = ::send(socket_of(x), from, static_cast<std::size_t>(count), MSG_NOSIGNAL);
  if (sent < 0 && is_worth_another_try())
    BIO_set_retry_write(x);
  return static_cast<int>(sent);
}

int receive_from_socket(BIO* x, char* to, int most) {
  BIO_clear_retry_flags(x);
  const auto got = ::recv(socket_of(x), to, static_cast<std::size_t>(most), 0);
  if (got < 0 && is_worth_another_try())
    BIO_set_retry_read(x);
  return static_cast<int>(got);
}

long control_socket(BIO* /*x*/, int what, long /*number*/, void* /*pointer*/) {
  return what == BIO_CTRL_FLUSH ? 1 : 0;
}

std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> make_socket_method() {
  std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> out{
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket"), BIO_meth_free};
  const bool is_complete = out && BIO_meth_set_write(out.get(), send_to_socket) == 1 &&
                           BIO_meth_set_read(out.get(), receive_from_socket) == 1 &&
                           BIO_meth_set_ctrl(out.get(), control_socket) == 1;
  if (!is_complete)
    out.reset();
  return out;
}

/// Null without memory.
BIO* make_bio(int socket) {
  // Never freed: connections may be there until the very end.
  static const BIO_METHOD* const method = make_socket_method().release();
  auto* out = method != nullptr ? BIO_new(method) : nullptr;
  if (out != nullptr) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a number that OpenSSL keeps.
    BIO_set_data(out, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
    BIO_set_init(out, 1);
  }
  return out;
}

// -- certificates

/// Another text whenever one of the files is another.
std::string version_of(const link_certificates& files) {
  std::string out;
  for (const auto* path : {&files.authority, &files.certificate, &files.key}) {
    struct stat is {};
    const bool is_there = ::stat(path->c_str(), &is) == 0;
    for (const auto x : {static_cast<long>(is_there), static_cast<long>(is.st_ino), static_cast<long>(is.st_size),
                         static_cast<long>(is.st_mtim.tv_sec), static_cast<long>(is.st_mtim.tv_nsec)})
      out += std::to_string(x) + ' ';
  }
  return out;
}

error unusable(const std::string& what, const std::filesystem::path& file) {
  return {ec::invalid_argument, "the " + what + " " + file.string() + " cannot be used: " + openssl_reason()};
}

result<std::shared_ptr<SSL_CTX>> read_certificates(const link_certificates& files) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> out{SSL_CTX_new(TLS_method()), SSL_CTX_free};
  auto* x = out.get();
  if (!out || SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION) != 1)
    return error{ec::internal, "OpenSSL cannot make a context: " + openssl_reason()};
  SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Who connects again shows its certificate again.
  SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(x, 0);
  SSL_CTX_set_verify(x, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_default_passwd_cb(x, no_password);
  if (SSL_CTX_load_verify_file(x, files.authority.c_str()) != 1)
    return unusable("authority", files.authority);
  if (SSL_CTX_use_certificate_chain_file(x, files.certificate.c_str()) != 1)
    return unusable("certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(x, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return unusable("key", files.key);
  if (SSL_CTX_check_private_key(x) != 1)
    return error{ec::invalid_argument, "the key " + files.key.string() + " is not that of the certificate " +
                                           files.certificate.string() + ": " + openssl_reason()};
  return out;
}

} // namespace

tls_session::outcome tls_session::shake_hands() {
  ERR_clear_error(); // Of others of this thread: OpenSSL looks there for what became of a call.
  const auto out = outcome_of(SSL_do_handshake(connection_.get()));
  if (out != outcome::later || !SSL_want_write(connection_.get()))
    return out;
  // What is said in it is short: a socket that does not take it is of no use, and nobody waits until it would.
  problem_ = "the peer takes nothing";
  return outcome::failed;
}

tls_session::outcome tls_session::read(void* to, std::size_t most, std::size_t& got) {
  ERR_clear_error();
  std::size_t count = 0;
  const auto out = outcome_of(SSL_read_ex(connection_.get(), to, most, &count));
  got += count;
  return out;
}

bool tls_session::has_more() const {
  return SSL_pending(connection_.get()) > 0;
}

tls_session::outcome tls_session::write(const void* from, std::size_t count, std::size_t& sent) {
  ERR_clear_error();
  std::size_t written = 0;
  const auto out = outcome_of(SSL_write_ex(connection_.get(), from, count, &written));
  sent += written;
  return out;
}

tls_session::outcome tls_session::outcome_of(int returned) {
  if (returned == 1)
    return outcome::done;
  const auto why = SSL_get_error(connection_.get(), returned);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
    return outcome::later;
  const auto verified = SSL_get_verify_result(connection_.get());
  const auto said = why == SSL_ERROR_SSL ? openssl_reason() : std::string{"the peer is gone"};
  problem_ = verified == X509_V_OK ? said : X509_verify_cert_error_string(verified);
  return outcome::failed;
}

result<tls_session> tls_sessions::accept(int socket) {
  return begin(socket, SSL_set_accept_state);
}

result<tls_session> tls_sessions::connect(int socket) {
  auto out = begin(socket, SSL_set_connect_state);
  if (out && out->shake_hands() == tls_session::outcome::failed)
    return error{ec::unavailable, out->problem()};
  return out;
}

result<tls_session> tls_sessions::begin(int socket, void (*take_side)(ssl_st*)) {
  auto certificates = context();
  if (!certificates)
    return certificates.failure();
  std::shared_ptr<SSL> out{SSL_new(certificates->get()), SSL_free};
  auto* bio = out ? make_bio(socket) : nullptr;
  if (bio == nullptr)
    return error{ec::internal, "OpenSSL cannot make a connection: " + openssl_reason()};
  SSL_set_bio(out.get(), bio, bio);
  take_side(out.get());
  return tls_session{std::move(out)};
}

result<std::shared_ptr<SSL_CTX>> tls_sessions::context() {
  const std::lock_guard lock{mutex_};
  auto now = version_of(files_);
  if (context_ && now == version_)
    return context_;
  auto read = read_certificates(files_);
  if (!read)
    return read.failure();
  context_ = *std::move(read);
  version_ = std::move(now);
  return context_;
}

} // namespace muster::agent
