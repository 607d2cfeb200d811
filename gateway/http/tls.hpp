#pragma once

#include "gateway/http/server.hpp"

#include <memory>

struct ssl_ctx_st;

namespace muster::http {

/// What new connections are encrypted by: TLS 1.2 or newer, only HTTP/1.1 offered. `invalid_argument` if a file cannot
/// be read, is no PEM, is encrypted, or if the key is not the certificate's; the message names the file.
[[nodiscard]] result<std::shared_ptr<ssl_ctx_st>> load_tls(const tls_files& files);

} // namespace muster::http
