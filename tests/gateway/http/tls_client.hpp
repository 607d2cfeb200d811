#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace muster::test {

/// A client that speaks TLS to 127.0.0.1 and trusts anybody; blocks, at most 20 s for each call.
class tls_client {
public:
  /// With `most_version`, such as TLS1_1_VERSION, nothing newer is offered.
  explicit tls_client(std::uint16_t port, int most_version = 0);
  ~tls_client();
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  [[nodiscard]] bool connected() const noexcept { return connected_; }
  /// The common name of the server's certificate.
  [[nodiscard]] std::string server_name() const;
  /// The protocol that was chosen by ALPN.
  [[nodiscard]] std::string protocol() const;
  bool send(std::string_view bytes);
  /// Reads until `text` was seen, the server said goodbye, or the connection broke; all that was read.
  std::string read_until(std::string_view text);

private:
  class impl;
  std::unique_ptr<impl> impl_;
  bool connected_ = false;
};

} // namespace muster::test
