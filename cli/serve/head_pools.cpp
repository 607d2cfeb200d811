#include "cli/serve/head_pools.hpp"

#include "cli/commands/local_run.hpp"
#include "cli/commands/pool_choice.hpp"
#include "gateway/auth/certificates.hpp"
#include "muster/config/pools.hpp"
#include "muster/store/reader.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
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
  out.max_parallel_of_made = x.defaults.max_parallel;
  out.threads = x.defaults.threads;
  out.with_network = out.with_monitors = x.monitors.listen != "off";
  return out;
}

/// Nodes join it later, and bring what runs its attempts.
pool_setup pool_of_agents(const config::run_defaults& defaults, const std::string& name,
                          const config::pool_settings& from) {
  pool_setup x;
  x.name = name;
  x.max_parallel = defaults.max_parallel;
  x.policy = from.policy;
  x.agents = agents_setup_of(from);
  return x;
}

/// Pools that were made while an earlier head ran, in the order of their making. Those that the configuration has as
/// well are as it says, which `into` is told.
result<std::vector<pool_setup>> made_pools(const config::configuration& known, const store::state_directory& directory,
                                           const std::vector<std::string>& only, head_setup& into) {
  auto reader = store::reader::open(directory);
  if (!reader)
    return reader.failure().code == ec::not_found ? result<std::vector<pool_setup>>{std::vector<pool_setup>{}}
                                                  : reader.failure();
  const auto rows = reader->pools();
  if (!rows)
    return rows.failure();
  std::vector<pool_setup> out;
  for (const auto& row : *rows) {
    if (!only.empty() && std::find(only.begin(), only.end(), row.name) == only.end()) {
      into.engine.reserved_pools.push_back(row.name);
      continue;
    }
    if (known.pools.count(row.name) > 0) {
      into.warnings.push_back(
          {row.name, "it was made while a head ran, and is in the configuration now, which counts"});
      continue;
    }
    const auto settings = config::read_made_pool(row.name, row.settings);
    if (!settings) {
      into.warnings.push_back({row.name, "it was made while a head ran, and is not there, for what was stored of it "
                                         "cannot be read: " +
                                             settings.failure().message});
      continue;
    }
    out.push_back(pool_of_agents(known.service.defaults, row.name, *settings));
    out.back().is_made = true;
  }
  return out;
}

/// Makes the drivers of pools: one for all pools of processes, because their tasks have one warden.
class driver_maker {
public:
  /// `agents_join`: also pools that are not of the configuration.
  driver_maker(const config::configuration& known, const store::state_directory& directory,
               const std::vector<std::string>& names, bool agents_join)
      : known_(known), directory_(directory), owner_(agents_join ? std::string{} : owner_of_gpus(names)) {}

  result<void> add(const std::string& name, runtime_config& to) {
    if (is_of_agents(name)) {
      to.pools.push_back(pool_of_agents(known_.service.defaults, name, known_.pools.at(name)));
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

result<gateway::certificate_facts> stage(const config::agent_settings& from, const store::state_directory& directory) {
  const auto now = std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  return gateway::stage_certificates(from.certs, link_folder(directory), gateway::certificate_use::head, now);
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

bool is_joined(const pool_setup& x) {
  return x.agents.has_value();
}

/// For agents, if any can connect.
result<void> add_certificates(const config::agent_settings& from, const store::state_directory& directory,
                              runtime_config& to) {
  if (from.certs.empty() || from.listen == "off" || std::none_of(to.pools.begin(), to.pools.end(), is_joined))
    return {};
  if (auto made = directory.create(); !made)
    return made.failure();
  if (const auto staged = stage(from, directory); !staged)
    return staged.failure();
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

result<renewal> renew_certificates(const config::agent_settings& settings, const store::state_directory& directory,
                                   runtime& of) {
  const auto staged = stage(settings, directory);
  if (!staged)
    return staged.failure();
  const auto authority = gateway::certificates_in(link_folder(directory)).authority;
  const auto before = text_of(authority);
  result<void> done;
  of.between_connections([&] { done = gateway::take_staged(link_folder(directory)); });
  if (!done)
    return done.failure();
  return renewal{staged->expires, text_of(authority) != before};
}

result<head_setup> make_head_setup(const config::configuration& known, const store::state_directory& directory,
                                   const std::vector<std::string>& only) {
  head_setup whole;
  auto made = made_pools(known, directory, only, whole);
  if (!made)
    return made.failure();
  auto names = pool_names(known, only);
  const auto is_made = [&](const std::string& name) {
    return std::any_of(made->begin(), made->end(), [&](const auto& x) { return x.name == name; });
  };
  names.erase(std::remove_if(names.begin(), names.end(), is_made), names.end());
  auto reserved = std::move(whole.engine.reserved_pools);
  for (const auto& [name, settings] : known.pools)
    reserved.push_back(name);
  auto& out = whole.engine;
  out = settings_of(known.service, directory);
  out.reserved_pools = std::move(reserved);
  if (std::find(names.begin(), names.end(), out.default_pool) == names.end() && !is_made(out.default_pool))
    out.default_pool = names.empty() ? made->front().name : names.front();
  driver_maker drivers{known, directory, names, !made->empty()};
  if (auto launched = drivers.make_processes(names); !launched)
    return launched.failure();
  for (const auto& name : names)
    if (auto added = drivers.add(name, out); !added)
      return added.failure();
  out.pools.insert(out.pools.end(), std::make_move_iterator(made->begin()), std::make_move_iterator(made->end()));
  whole.agents_join = std::any_of(out.pools.begin(), out.pools.end(), is_joined);
  out.with_network = out.with_network || (whole.agents_join && known.service.agents.listen != "off");
  if (auto good = add_certificates(known.service.agents, directory, out); !good)
    return good.failure();
  return whole;
}

} // namespace muster::cli
