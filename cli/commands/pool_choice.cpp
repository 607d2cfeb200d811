#include "cli/commands/pool_choice.hpp"

#include "cli/commands/docker_check.hpp"
#include "cli/commands/local_run.hpp"
#include "cli/suggest.hpp"
#include "executors/docker/docker_driver.hpp"
#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"
#include "muster/spec/gangs.hpp"
#include "muster/store/head_id.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace muster::cli {

namespace {

docker_pool_config docker_of(const config::pool_settings& x, const local_options& options) {
  docker_pool_config out;
  out.host = options.docker_host.empty() ? x.host : options.docker_host;
  if (x.tls && options.docker_host.empty())
    out.tls = docker_pool_config::tls_files{x.tls->ca, x.tls->cert, x.tls->key, x.tls->verify};
  out.pull = parse_pull_policy(options.pull.empty() ? x.pull : options.pull).value_or(out.pull);
  out.max_pulls = x.pulls;
  out.starts_in_flight = x.starts;
  const auto rounded = [](duration limit) { return std::chrono::duration_cast<std::chrono::milliseconds>(limit); };
  out.prepare_timeout = rounded(x.prepare_timeout);
  out.start_timeout = rounded(x.start_timeout);
  out.range = x.range;
  out.gpus = options.gpus ? options.gpus : x.gpus;
  out.claims_gpus = options.claims_gpus;
  out.user = x.user;
  out.init = x.init;
  out.pids_limit = x.pids;
  out.shm_size = x.shm_size;
  out.swap = x.swap;
  out.permissions = {x.privileged, x.host_network, x.mounts};
  out.max_log = x.max_log;
  out.labels = x.labels;
  return out;
}

/// The settings of `--pool docker`.
config::pool_settings docker_settings(const config::configuration& known) {
  const auto found = known.pools.find("docker");
  return found == known.pools.end() ? config::pool_settings{} : found->second;
}

/// For who names a pool that resembles none.
std::string what_there_is(const std::vector<std::string>& pools) {
  std::string out = "there are ";
  for (const auto& x : pools)
    out.append(&x == &pools.front() ? "" : ", ").append(x);
  return out + "; others are set up in a configuration file";
}

result<chosen_pool> named_pool(const std::string& name, const local_options& options,
                               const config::configuration& known) {
  if (name == "null")
    return chosen_pool{name, null_choice{options.gpus}, {}};
  if (config::pool_name(name) == "local")
    return chosen_pool{"local", process_choice{options.gpus}, {}};
  if (name == "docker")
    return chosen_pool{name, docker_of(docker_settings(known), options), {}, docker_settings(known).policy};
  const auto found = known.pools.find(name);
  if (found == known.pools.end()) {
    std::set<std::string> all{config::pools_of_every_machine.begin(), config::pools_of_every_machine.end()};
    for (const auto& [other, settings] : known.pools)
      all.insert(other);
    const std::vector<std::string> names{all.begin(), all.end()};
    const auto hint = did_you_mean(name, names);
    return {ec::not_found, "there is no pool '" + name + "'" + (hint.empty() ? "; " + what_there_is(names) : hint)};
  }
  const auto& x = found->second;
  if (x.driver == config::pool_driver::agents)
    return {ec::unsupported,
            "the pool '" + name +
                "' has nodes of its own, which join a head: start one there (muster serve), see docs/nodes.md"};
  if (x.driver == config::pool_driver::docker)
    return chosen_pool{name, docker_of(x, options), {}, x.policy};
  return chosen_pool{name, process_choice{options.gpus ? options.gpus : x.gpus}, {}, x.policy};
}

result<chosen_pool> check_options(result<chosen_pool> chosen, const local_options& options) {
  if (!chosen)
    return chosen;
  const bool docker = std::holds_alternative<docker_pool_config>(chosen->how);
  if (!docker && !options.docker_host.empty())
    return {ec::invalid_argument, "--docker-host goes with a pool of containers, and '" + chosen->name + "' is none"};
  if (docker && options.keep)
    return {ec::invalid_argument,
            "--keep goes with processes: what a task writes in its container, other than its output, "
            "goes with the container; leave it out, or say --pool process"};
  return chosen;
}

/// Images that tasks name, each once. One with a token in it is known when its step begins.
std::vector<std::string> images_of(const spec::workflow& workflow) {
  std::set<std::string> images;
  for (const auto* g : spec::gangs_of(workflow))
    for (const auto& t : g->tasks)
      if (!t.image.empty() && t.image != "none")
        images.insert(t.image);
  return {images.begin(), images.end()};
}

chosen_pool processes_because(const local_options& options, const std::string& why) {
  return {"local", process_choice{options.gpus}, "running as processes: " + why, {}};
}

} // namespace

result<chosen_pool> choose_pool(const local_options& options, const config::configuration& known) {
  return check_options(named_pool(options.pool.empty() ? "local" : options.pool, options, known), options);
}

result<chosen_pool> choose_pool(const local_options& options, const config::configuration& known,
                                const spec::workflow& workflow) {
  if (!options.pool.empty())
    return choose_pool(options, known);
  auto images = images_of(workflow);
  if (!options.docker_host.empty())
    return check_options(named_pool("docker", options, known), options);
  if (images.empty())
    return processes_because(options, "the spec names no images");
  const auto has_token = [](const std::string& image) { return image.find("{{") != std::string::npos; };
  images.erase(std::remove_if(images.begin(), images.end(), has_token), images.end());
  auto config = docker_of(docker_settings(known), options);
  const auto found = check_docker(config, images);
  if (!found.usable)
    return processes_because(options, found.why_not);
  return check_options(
      chosen_pool{"docker", std::move(config),
                  "running on docker (" + found.where + ", " + found.version + "): the spec names images",
                  docker_settings(known).policy},
      options);
}

result<std::unique_ptr<driver>> make_driver(chosen_pool pool, const local_options& options,
                                            const store::state_directory& directory) {
  if (const auto* null = std::get_if<null_choice>(&pool.how)) {
    null_config config;
    config.total.gpus = null->gpus.value_or(std::vector<std::uint32_t>{});
    return make_null_driver(config);
  }
  if (auto* docker = std::get_if<docker_pool_config>(&pool.how)) {
    if (auto made = directory.create(); !made)
      return made.failure();
    auto head = store::head_id(directory);
    if (!head)
      return head.failure();
    docker->state_directory = directory.root();
    docker->head = *std::move(head);
    return make_docker_driver(std::move(*docker));
  }
  process_config config;
  config.state_directory = directory.root();
  config.gpus = std::get<process_choice>(pool.how).gpus;
  config.claims_gpus = options.claims_gpus;
  config.keep_work = options.keep;
  config.enforce_limits = options.enforce_limits;
  return make_process_driver(std::move(config));
}

} // namespace muster::cli
