#include "muster/config/pools.hpp"

#include "config/in_quotes.hpp"
#include "config/key_texts.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/quantity.hpp"

namespace muster::config {

namespace {

const char* word(bool x) {
  return x ? "true" : "false";
}

template <class List, class Text>
std::string listed(const List& list, Text text) {
  std::string all;
  for (const auto& x : list)
    all += (all.empty() ? "" : ", ") + text(x);
  return '[' + all + ']';
}

std::string size_or_null(std::int64_t x) {
  return x == 0 ? "null" : spec::bytes_text(x);
}

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::string all;
  for (const auto& [key, value] : labels)
    all += (all.empty() ? "" : ", ") + in_quotes(key) + ": " + in_quotes(value);
  return '{' + all + '}';
}

void add_docker(key_texts& out, const pool_settings& x) {
  const auto line = [&out](const char* key, std::string value) { out.emplace_back(key, std::move(value)); };
  line("host", x.host.empty() ? "null" : in_quotes(x.host));
  if (x.tls)
    line("tls", "{ca: " + in_quotes(x.tls->ca.string()) + ", cert: " + in_quotes(x.tls->cert.string()) +
                    ", key: " + in_quotes(x.tls->key.string()) + ", verify: " + word(x.tls->verify) + '}');
  line("pull", x.pull);
  line("pulls", std::to_string(x.pulls));
  line("starts", x.starts == 0 ? "null" : std::to_string(x.starts));
  line("timeouts",
       "{prepare: " + spec::to_string(x.prepare_timeout) + ", start: " + spec::to_string(x.start_timeout) + '}');
  line("network", x.range ? "{range: " + to_text(*x.range) + '}' : "null");
  line("user", x.user.empty() ? "null" : in_quotes(x.user));
  line("init", word(x.init));
  line("shm_size", size_or_null(x.shm_size));
  line("pids", x.pids == 0 ? "null" : std::to_string(x.pids));
  line("swap", word(x.swap));
  line("permissions", std::string{"{privileged: "} + word(x.privileged) + ", host_network: " + word(x.host_network) +
                          ", mounts: " + listed(x.mounts, [](const auto& m) { return in_quotes(m.string()); }) + '}');
  line("logs", "{max: " + spec::bytes_text(x.max_log) + '}');
  line("labels", labels_text(x.labels));
}

void add_agents(key_texts& out, const pool_settings& x) {
  out.emplace_back("silence_limit", spec::to_string(x.silence_limit));
  out.emplace_back("lost_after", spec::to_string(x.lost_after));
  out.emplace_back("on_loss", x.on_loss == loss_choice::wait ? "wait" : "reschedule");
  out.emplace_back("node_labels", labels_text(x.node_labels));
}

const char* word(pool_driver x) {
  switch (x) {
    case pool_driver::process: return "process";
    case pool_driver::docker: return "docker";
    case pool_driver::agents: return "agents";
  }
  return "process";
}

/// All but its policy.
key_texts texts_of(const pool_settings& x) {
  key_texts out;
  out.emplace_back("driver", word(x.driver));
  if (x.driver == pool_driver::agents) {
    add_agents(out, x);
    return out;
  }
  if (x.gpus)
    out.emplace_back("gpus", listed(*x.gpus, [](std::uint32_t n) { return std::to_string(n); }));
  if (x.driver == pool_driver::docker)
    add_docker(out, x);
  return out;
}

} // namespace

std::string to_yaml(const std::map<std::string, pool_settings>& pools) {
  if (pools.empty())
    return "pools: {}\n";
  std::string out = "pools:\n";
  for (const auto& [name, x] : pools) {
    out += "  " + in_quotes(name) + ":\n";
    for (const auto& [key, value] : texts_of(x))
      out += std::string{"    "}.append(key).append(": ").append(value) += '\n';
    out += to_yaml(x.policy, "    ");
  }
  return out;
}

setting_changes changes_between(const std::map<std::string, pool_settings>& before,
                                const std::map<std::string, pool_settings>& after) {
  setting_changes out;
  for (const auto& [name, x] : before) {
    const auto path = "pools." + name;
    const auto found = after.find(name);
    if (found == after.end()) {
      out.need_restart.push_back(path);
      continue;
    }
    for (const auto& key : different_keys(texts_of(x), texts_of(found->second)))
      out.need_restart.emplace_back(path).append(".").append(key);
    for (const auto& key : changed_keys(x.policy, found->second.policy))
      out.taken.emplace_back(path).append(".policy.").append(key);
  }
  for (const auto& [name, x] : after)
    if (before.count(name) == 0)
      out.need_restart.push_back("pools." + name);
  return out;
}

} // namespace muster::config
