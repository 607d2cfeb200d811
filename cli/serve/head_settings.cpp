#include "cli/serve/head_settings.hpp"

#include <utility>

namespace muster::cli {

namespace {

http::server_config server_config_of(const config::server_settings& x) {
  http::server_config out;
  const auto listen = config::parse_listen(x.listen);
  out.address = listen ? listen->address : out.address;
  out.port = listen ? listen->port : out.port;
  if (x.tls)
    out.tls = http::tls_files{x.tls->cert, x.tls->key};
  const auto& limits = x.limits;
  out.threads = limits.threads;
  out.workers = limits.workers;
  out.queue = limits.queue;
  out.connections = limits.connections;
  out.connections_per_peer = limits.connections_per_peer;
  out.header_bytes = static_cast<std::size_t>(limits.header_bytes);
  out.body_bytes = static_cast<std::size_t>(limits.body_bytes);
  out.body_bytes_total = static_cast<std::size_t>(limits.body_bytes_total);
  out.answer_bytes_total = static_cast<std::size_t>(limits.answer_bytes_total);
  out.header_timeout = rounded(limits.header_timeout);
  out.body_timeout = rounded(limits.body_timeout);
  out.idle_timeout = rounded(limits.idle_timeout);
  out.write_timeout = rounded(limits.write_timeout);
  return out;
}

} // namespace

store::retention_policy retention_policy_of(const config::retention_settings& x) {
  store::retention_policy out;
  out.workflow_age = x.workflows.age;
  out.workflow_count = x.workflows.count;
  out.workflow_bytes = x.workflows.bytes;
  out.event_age = x.events.age;
  out.event_count = x.events.count;
  out.audit_age = x.audit.age;
  return out;
}

gateway::service_config service_config_of(const config::service_settings& x, const store::state_directory& directory) {
  gateway::service_config out{directory,
                              server_config_of(x.server),
                              {x.server.auth == config::auth_mode::tokens, x.server.allowed_hosts},
                              MUSTER_VERSION};
  out.public_metrics = x.server.public_metrics;
  out.events.ring_bytes = static_cast<std::size_t>(x.events.ring);
  out.events.bookmark = rounded(x.events.bookmark);
  out.webhooks.allow_private = x.webhooks.allow_private;
  out.webhooks.most = x.webhooks.most;
  out.webhooks.attempts = x.webhooks.attempts;
  out.webhooks.timeout = rounded(x.webhooks.timeout);
  return out;
}

std::string own_address(const config::server_settings& x, std::uint16_t port) {
  const auto listen = config::parse_listen(x.listen);
  auto host = listen ? listen->address : std::string{"127.0.0.1"};
  if (host == "0.0.0.0")
    host = "127.0.0.1";
  else if (host == "::")
    host = "::1";
  if (host.find(':') != std::string::npos)
    host = '[' + host + ']';
  return (x.tls ? "https://" : "http://") + host + ':' + std::to_string(port);
}

} // namespace muster::cli
