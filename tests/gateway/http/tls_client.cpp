#include "gateway/http/tls_client.hpp"

#include <array>
#include <csignal>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace muster::test {

class tls_client::impl {
public:
  impl(std::uint16_t port, int most_version)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), context_(SSL_CTX_new(TLS_client_method())) {
    const timeval patience{20, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as the socket interface is.
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect to the server under test");
    if (most_version != 0) {
      SSL_CTX_set_security_level(context_, 0); // Else OpenSSL itself refuses what is to be refused here.
      SSL_CTX_set_min_proto_version(context_, 0);
      SSL_CTX_set_max_proto_version(context_, most_version);
    }
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN)); // SSL_write knows no MSG_NOSIGNAL.
    session = SSL_new(context_);
    static constexpr std::array<unsigned char, 12> offered{2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    SSL_set_alpn_protos(session, offered.data(), offered.size());
    SSL_set_fd(session, socket_);
  }
  ~impl() {
    SSL_free(session);
    SSL_CTX_free(context_);
    ::close(socket_);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  SSL* session = nullptr;

private:
  int socket_;
  SSL_CTX* context_;
};

tls_client::tls_client(std::uint16_t port, int most_version)
    : impl_(std::make_unique<impl>(port, most_version)), connected_(SSL_connect(impl_->session) == 1) {}

tls_client::~tls_client() = default;

std::string tls_client::server_name() const {
  std::string name(200, '\0');
  X509* const certificate = SSL_get1_peer_certificate(impl_->session);
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                                             static_cast<int>(name.size()));
  X509_free(certificate);
  name.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return name;
}

std::string tls_client::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(impl_->session, &name, &size);
  return {name, name + size};
}

bool tls_client::send(std::string_view bytes) {
  return SSL_write(impl_->session, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

std::string tls_client::read_until(std::string_view text) {
  std::string all;
  std::array<char, 16384> piece{};
  while (text.empty() || all.find(text) == std::string::npos) {
    const int count = SSL_read(impl_->session, piece.data(), static_cast<int>(piece.size()));
    if (count <= 0)
      break;
    all.append(piece.data(), static_cast<std::size_t>(count));
  }
  return all;
}

} // namespace muster::test
