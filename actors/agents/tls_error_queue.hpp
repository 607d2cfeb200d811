#pragma once

namespace muster::agent {

/// To be called where TLS is set up for CAF: brings in what keeps errors of one connection from being taken for those
/// of another.
void keep_tls_errors_apart();

} // namespace muster::agent
