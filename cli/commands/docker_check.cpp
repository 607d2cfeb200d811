#include "cli/commands/docker_check.hpp"

#include "executors/docker/engine/client.hpp"

#include <chrono>

namespace muster::cli {

namespace {

/// An answer comes within milliseconds, or the user has waited long enough.
constexpr std::chrono::seconds patience{2};

result<docker::endpoint> endpoint_of(const docker_pool_config& pool) {
  if (pool.tls && !pool.host.empty())
    return docker::parse_endpoint(pool.host,
                                  docker::tls_material{pool.tls->ca, pool.tls->cert, pool.tls->key, pool.tls->verify});
  return docker::find_endpoint(docker::process_environment(), pool.host);
}

template <class T, class Call>
docker::outcome<T> ask(docker::loop& on, Call call) {
  return docker::wait_for<docker::outcome<T>>(on, [call](const auto& done) { call(done); });
}

} // namespace

docker_check check_docker(const docker_pool_config& pool, const std::vector<std::string>& images) {
  docker_check found;
  const auto where = endpoint_of(pool);
  if (!where) {
    found.why_not = where.failure().message;
    return found;
  }
  found.where = docker::to_string(*where);
  docker::loop thread;
  docker::client_options options;
  options.quick = patience;
  docker::client engine{thread, *where, options};
  using docker::then;
  const auto version =
      ask<docker::api_version>(thread, [&](const then<docker::api_version>& done) { engine.negotiate(done); });
  if (!version) {
    found.why_not = version.kind() == docker::failure::daemon_away
                        ? "no Docker daemon answers at " + found.where
                        : "the Docker daemon at " + found.where + " cannot be used: " + version.failure().message;
    return found;
  }
  const auto info = ask<docker::engine_info>(thread, [&](const then<docker::engine_info>& done) { engine.info(done); });
  if (!info) {
    found.why_not = "the Docker daemon at " + found.where + " does not say what it is: " + info.failure().message;
    return found;
  }
  found.version = info->server_version;
  if (pool.pull == pull_policy::never)
    for (const auto& image : images) {
      const auto there = ask<docker::image_info>(
          thread, [&](const then<docker::image_info>& done) { engine.inspect_image(image, done); });
      if (!there) {
        found.why_not = "the Docker daemon at " + found.where + " does not have the image " + image +
                        ", and it may not be pulled (--pull never)";
        return found;
      }
    }
  found.usable = true;
  return found;
}

} // namespace muster::cli
