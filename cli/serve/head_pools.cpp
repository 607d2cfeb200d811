#include "cli/serve/head_pools.hpp"

#include "cli/commands/local_run.hpp"
#include "cli/commands/pool_choice.hpp"
#include "gateway/auth/certificates.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace muster::cli {

namespace {

std::vector<std::string> pool_names(const config::configuration& known, const std::vector<std::string>& only) {
  if (!only.empty())
    return only;
  std::vector<std::string> names{"local"};
  for (const auto& [name, settings] : known.pools)
    names.push_back(name);
  const auto& preferred = known.service.defaults.pool;
  if (std::find(names.begin(), names.end(), preferred) == names.end())
    names.push_back(preferred);
  return names;
}

local_options options_for(const config::configuration& known, const std::string& pool) {
  local_options out;
  out.pool = pool;
  out.enforce_limits = known.service.defaults.enforce_limits;
  return out;
}

std::chrono::milliseconds rounded(duration x) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(x);
}

runtime_config settings_of(const config::service_settings& x, const store::state_directory& directory) {
  runtime_config out;
  static_cast<runtime_limits&>(out) = runtime_limits_of(x);
  out.state_directory = directory.root();
  out.default_pool = x.defaults.pool;
  out.any_pool_name = false;
  out.can_edit_policies = true;
  out.threads = x.defaults.threads;
  out.with_network = x.monitors.listen != "off";
  return out;
}

/// Makes the drivers of pools: one for all pools of processes, because their tasks have one warden.
class driver_maker {
public:
  driver_maker(const config::configuration& known, const store::state_directory& directory,
               const std::vector<std::string>& names)
      : known_(known), directory_(directory), owner_(owner_of_gpus(names)) {}

  result<void> add(const std::string& name, runtime_config& to) {
    if (is_of_agents(name)) {
      to.pools.push_back(pool_of_agents(name));
      to.with_network = to.with_network || known_.service.agents.listen != "off";
      return {};
    }
    const auto options = options_for(known_, name);
    auto chosen = choose_pool(options, known_);
    if (!chosen)
      return chosen.failure();
    pool_setup x;
    x.name = config::pool_name(name);
    x.max_parallel = known_.service.defaults.max_parallel;
    x.policy = chosen->policy;
    if (const auto* process = std::get_if<process_choice>(&chosen->how)) {
      if (name != owner_)
        x.gpus = process->gpus.value_or(std::vector<std::uint32_t>{});
      x.oversubscribe = known_.service.defaults.oversubscribe;
      x.executor = processes_;
    } else {
      if (auto* docker = std::get_if<docker_pool_config>(&chosen->how)) {
        x.may_be_down = true;
        if (name != owner_ && !docker->gpus)
          docker->gpus.emplace();
        docker->confine_files = known_.service.server.auth == config::auth_mode::tokens;
      }
      auto made = make_driver(std::move(*chosen), options, directory_);
      if (!made)
        return made.failure();
      x.executor = std::move(*made);
    }
    to.pools.push_back(std::move(x));
    return {};
  }

  /// The driver of processes, with the GPUs of all its pools. Comes first: it launches the warden.
  result<void> make_processes(const std::vector<std::string>& names) {
    std::set<std::uint32_t> gpus;
    bool any = false;
    bool finds_gpus = false;
    for (const auto& name : names) {
      if (is_of_agents(name))
        continue;
      const auto chosen = choose_pool(options_for(known_, name), known_);
      if (!chosen)
        return chosen.failure();
      if (const auto* process = std::get_if<process_choice>(&chosen->how)) {
        any = true;
        finds_gpus = finds_gpus || name == owner_;
        if (process->gpus)
          gpus.insert(process->gpus->begin(), process->gpus->end());
      }
    }
    if (!any)
      return {};
    process_choice how;
    if (!finds_gpus)
      how.gpus.emplace(gpus.begin(), gpus.end());
    auto made = make_driver({"local", std::move(how), {}, {}}, options_for(known_, "local"), directory_);
    if (!made)
      return made.failure();
    processes_ = std::move(*made);
    return {};
  }

private:
  /// Nodes join it later, and bring what runs its attempts.
  [[nodiscard]] pool_setup pool_of_agents(const std::string& name) const {
    const auto& from = known_.pools.at(name);
    pool_setup x;
    x.name = name;
    x.max_parallel = known_.service.defaults.max_parallel;
    x.policy = from.policy;
    x.agents.emplace();
    x.agents->silence_limit = rounded(from.silence_limit);
    x.agents->lost_after = rounded(from.lost_after);
    x.agents->node_labels = from.node_labels;
    x.agents->reschedule_lost = from.on_loss == config::loss_choice::reschedule;
    return x;
  }

  /// The pool that gets the GPUs that are found on this machine, so that no two lease the same: the default one if it
  /// is here. None if some pool here says which are its own, or where agents join: one of them may be on this machine.
  [[nodiscard]] std::string owner_of_gpus(const std::vector<std::string>& names) const {
    std::string out;
    for (const auto& name : names) {
      if (is_of_agents(name))
        return {};
      const auto found = known_.pools.find(name);
      const bool is_known = found != known_.pools.end();
      if (is_known && found->second.host.rfind("tcp:", 0) == 0)
        continue; // Elsewhere.
      if (is_known && found->second.gpus)
        return {};
      if (out.empty() || name == known_.service.defaults.pool)
        out = name;
    }
    return out;
  }

  [[nodiscard]] bool is_of_agents(const std::string& name) const {
    const auto found = known_.pools.find(name);
    return found != known_.pools.end() && found->second.driver == config::pool_driver::agents;
  }

  const config::configuration& known_;
  const store::state_directory& directory_;
  std::string owner_; ///< Of the GPUs that are found; empty: nobody.
  std::shared_ptr<driver> processes_;
};

result<void> stage(const config::agent_settings& from, const store::state_directory& directory) {
  const auto now = std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  const auto good =
      gateway::stage_certificates(from.certs, link_folder(directory), gateway::certificate_use::head, now);
  return good ? result<void>{} : result<void>{good.failure()};
}

/// For agents, if any can connect.
result<void> add_certificates(const config::agent_settings& from, const store::state_directory& directory,
                              runtime_config& to) {
  const auto is_joined = [](const pool_setup& x) { return x.agents.has_value(); };
  if (from.certs.empty() || from.listen == "off" || std::none_of(to.pools.begin(), to.pools.end(), is_joined))
    return {};
  if (auto made = directory.create(); !made)
    return made.failure();
  if (auto staged = stage(from, directory); !staged)
    return staged;
  const auto folder = std::filesystem::absolute(link_folder(directory));
  const auto files = gateway::certificates_in(folder);
  to.agent_certificates = link_certificates{files.authority, files.certificate, files.key};
  return gateway::take_staged(folder);
}

} // namespace

runtime_limits runtime_limits_of(const config::service_settings& x) {
  runtime_limits out;
  out.max_retries = x.defaults.max_retries;
  out.stop_grace = rounded(x.defaults.stop_grace);
  out.exec_timeout = x.defaults.exec_timeout;
  out.queue_timeout = x.defaults.queue_timeout;
  out.start_timeout = x.defaults.start_timeout;
  out.min_free = static_cast<std::uint64_t>(x.admission.min_free);
  return out;
}

std::filesystem::path link_folder(const store::state_directory& directory) {
  return directory.root() / "link";
}

result<void> renew_certificates(const config::agent_settings& settings, const store::state_directory& directory,
                                runtime& of) {
  if (settings.certs.empty())
    return {};
  if (auto staged = stage(settings, directory); !staged)
    return staged;
  result<void> done;
  of.between_connections([&] { done = gateway::take_staged(link_folder(directory)); });
  return done;
}

result<runtime_config> make_runtime_config(const config::configuration& known, const store::state_directory& directory,
                                           const std::vector<std::string>& only) {
  const auto names = pool_names(known, only);
  auto out = settings_of(known.service, directory);
  if (std::find(names.begin(), names.end(), out.default_pool) == names.end())
    out.default_pool = names.front();
  driver_maker drivers{known, directory, names};
  if (auto made = drivers.make_processes(names); !made)
    return made.failure();
  for (const auto& name : names)
    if (auto added = drivers.add(name, out); !added)
      return added.failure();
  if (auto good = add_certificates(known.service.agents, directory, out); !good)
    return good.failure();
  return out;
}

} // namespace muster::cli
