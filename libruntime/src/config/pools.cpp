#include "muster/config/pools.hpp"

#include "config/decode.hpp"
#include "config/decode_json.hpp"
#include "config/field_reader.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace muster::config {

namespace {

using namespace spec;

// A node says some times within it that it is there, and CAF closes a connection that is silent for twenty seconds.
constexpr duration shortest_silence = std::chrono::seconds{2};
constexpr duration longest_silence = std::chrono::seconds{10};

constexpr std::string_view built_in_pools[] = {"local", "process", "docker", "null"};

/// Reads the values of one file; each function reports what is wrong and leaves `out` as it was then.
class pool_decoder : private field_reader {
public:
  using field_reader::field_reader;

  void pools(value_at x, const field_path& path, std::map<std::string, pool_settings>& out) const {
    std::vector<map_entry> entries;
    if (!in_.map(x, path, entries))
      return;
    for (const auto& entry : entries) {
      if (entry.key.type != yaml::scalar_type::text || !good_name(entry.key.text)) {
        error(entry.key_place, path, rule_of_names, "put it in quotes if it looks like a number");
        continue;
      }
      const auto where = path.field(entry.key.text);
      if (entry.key.text != "docker" && is_built_in(entry.key.text)) {
        error(entry.key_place, where, always_there(entry.key.text));
        continue;
      }
      pool(entry.value, where, entry.key.text, out[entry.key.text]);
    }
  }

  /// One that is made while a head runs.
  void made(value_at x, const std::string& name, pool_settings& out) const {
    if (!good_name(name))
      error(x.place, field_path{}.field("name"), rule_of_names);
    else if (is_built_in(name))
      error(x.place, field_path{}.field("name"), always_there(name));
    else
      pool(x, {}, name, out);
  }

private:
  static constexpr auto rule_of_names = "the name of a pool has letters, digits, '-', '_' and '.', at most 63";
  static std::string always_there(const std::string& name) {
    return "'" + name + "' is a pool that is always there; choose another name";
  }
  static bool is_built_in(const std::string& x) {
    return std::find(std::begin(built_in_pools), std::end(built_in_pools), x) != std::end(built_in_pools);
  }
  static bool good_name(const std::string& x) {
    constexpr std::string_view others = "-_.";
    return !x.empty() && x.size() <= 63 && std::all_of(x.begin(), x.end(), [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             others.find(c) != std::string_view::npos;
    });
  }

  void pool(value_at x, const field_path& path, const std::string& name, pool_settings& out) const {
    static const names known = {"driver",     "gpus",    "host",        "tls",   "pull",   "pulls",
                                "starts",     "network", "timeouts",    "user",  "init",   "shm_size",
                                "pids",       "swap",    "permissions", "logs",  "labels", "silence_limit",
                                "lost_after", "on_loss", "node_labels", "policy"};
    static const names required = {"driver"};
    std::string driver;
    std::vector<std::pair<std::string, yaml::mark>> others;
    (void)each_field(in_, x, path, known, required, [&](std::string_view key, value_at v, const field_path& where) {
      if (key == "driver") {
        (void)choice(v, where, driver, {"process", "docker", "agents"});
        return;
      }
      if (key == "policy") {
        decode_policy(in_, base_, v, where, out.policy);
        return;
      }
      others.emplace_back(key, v.place);
      if (key == "gpus")
        gpus(v, where, out.gpus.emplace());
      else if (is_of_agents(key))
        agents_field(key, v, where, out);
      else
        docker_field(key, v, where, out);
    });
    out.driver = driver == "docker"   ? pool_driver::docker
                 : driver == "agents" ? pool_driver::agents
                                      : pool_driver::process;
    if (name == "docker" && (driver == "process" || driver == "agents"))
      error(x.place, path, "the pool 'docker' has `driver: docker`; choose another name for this one");
    for (const auto& [key, place] : others)
      refuse_foreign(key, place, path, driver);
    if (names_drivers(out.policy) && (driver == "process" || driver == "docker"))
      error(x.place, path.field("policy"),
            "`default_driver` and `driver` of a platform are of `driver: agents`; all of this pool runs by " + driver);
  }

  static bool is_of_agents(std::string_view key) {
    return std::find(keys_of_agents.begin(), keys_of_agents.end(), key) != keys_of_agents.end();
  }

  /// What is of another driver than this one.
  void refuse_foreign(const std::string& key, yaml::mark place, const field_path& path,
                      const std::string& driver) const {
    const bool of_agents = is_of_agents(key);
    if (driver == "agents" && !of_agents)
      error(place, path.field(key),
            key == "gpus" ? "which GPUs a node has is said by its agent: `muster agent --gpus`"
                          : "`" + key + "` is of `driver: docker`; what runs tasks on a node is set up by its agent");
    else if (driver == "process" && !of_agents && key != "gpus")
      error(place, path.field(key), "`" + key + "` is of `driver: docker`; processes of the host have no such setting");
    else if (of_agents && (driver == "process" || driver == "docker"))
      error(place, path.field(key), "`" + key + "` is of `driver: agents`; this pool has no nodes that can be lost");
  }

  void agents_field(std::string_view key, value_at v, const field_path& where, pool_settings& out) const {
    if (key == "on_loss") {
      std::string word;
      if (choice(v, where, word, {"wait", "reschedule"}))
        out.on_loss = word == "wait" ? loss_choice::wait : loss_choice::reschedule;
      return;
    }
    if (key == "node_labels")
      return labels(v, where, out.node_labels);
    if (key == "lost_after")
      return seconds(v, where, out.lost_after);
    seconds(v, where, out.silence_limit);
    if (out.silence_limit < shortest_silence || out.silence_limit > longest_silence)
      error(v.place, where, "expected 2s to 10s");
  }

  void docker_field(std::string_view key, value_at v, const field_path& where, pool_settings& out) const {
    if (key == "host")
      (void)in_.text(v, where, out.host, numbers::refuse);
    else if (key == "tls")
      tls(v, where, out.tls.emplace());
    else if (key == "pull")
      (void)choice(v, where, out.pull, {"always", "missing", "never"});
    else if (key == "pulls")
      number(v, where, 1, 64, out.pulls);
    else if (key == "starts")
      number(v, where, 1, 1024, out.starts);
    else if (key == "network")
      network(v, where, out.range);
    else if (key == "user")
      (void)in_.text(v, where, out.user, numbers::as_text);
    else if (key == "init")
      (void)in_.boolean(v, where, out.init);
    else if (key == "timeouts")
      timeouts(v, where, out);
    else if (key == "shm_size")
      bytes(v, where, out.shm_size);
    else if (key == "pids")
      number(v, where, 1, std::numeric_limits<std::int32_t>::max(), out.pids);
    else if (key == "swap")
      (void)in_.boolean(v, where, out.swap);
    else if (key == "permissions")
      permissions(v, where, out);
    else if (key == "logs")
      logs(v, where, out.max_log);
    else if (key == "labels")
      labels(v, where, out.labels);
  }

  /// A number of GPUs or a list of their indices.
  void gpus(value_at x, const field_path& path, std::vector<std::uint32_t>& out) const {
    constexpr std::int64_t most = 1024;
    if (!in_.is_list(x)) {
      std::uint32_t how_many = 0;
      number(x, path, 0, most, how_many);
      for (std::uint32_t i = 0; i < how_many; ++i)
        out.push_back(i);
      return;
    }
    std::vector<value_at> items;
    if (!in_.list(x, path, items))
      return;
    std::set<std::uint32_t> indices;
    for (std::size_t i = 0; i < items.size(); ++i) {
      std::uint32_t index = most + 1;
      number(items[i], path.item(i), 0, most, index);
      if (index <= most && !indices.insert(index).second)
        error(items[i].place, path.item(i), "GPU " + std::to_string(index) + " is named twice");
    }
    out.assign(indices.begin(), indices.end());
  }

  void tls(value_at x, const field_path& path, tls_settings& out) const {
    static const names known = {"ca", "cert", "key", "verify"};
    (void)each_field(in_, x, path, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
      if (key == "verify")
        (void)in_.boolean(v, where, out.verify);
      else
        file(v, where, key == "ca" ? out.ca : key == "cert" ? out.cert : out.key);
    });
    if (out.cert.empty() != out.key.empty())
      error(x.place, path, "`cert` and `key` go together");
  }

  void network(value_at x, const field_path& path, std::optional<ipv4_block>& out) const {
    static const names known = {"range"};
    (void)each_field(in_, x, path, known, {}, [&](std::string_view, value_at v, const field_path& where) {
      std::string text;
      if (!in_.text(v, where, text, numbers::refuse))
        return;
      const auto range = parse_ipv4_block(text);
      if (!range)
        error(v.place, where, range.failure().message);
      else if (range->prefix < 8 || range->prefix > longest_prefix)
        error(v.place, where,
              "expected a range between /8 and /" + std::to_string(longest_prefix) + ", found " + to_text(*range));
      else
        out = *range;
    });
  }

  void timeouts(value_at x, const field_path& path, pool_settings& out) const {
    static const names known = {"prepare", "start"};
    (void)each_field(in_, x, path, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
      seconds(v, where, key == "prepare" ? out.prepare_timeout : out.start_timeout);
    });
  }

  void logs(value_at x, const field_path& path, std::int64_t& out) const {
    static const names known = {"max"};
    (void)each_field(in_, x, path, known, {},
                     [&](std::string_view, value_at v, const field_path& where) { bytes(v, where, out); });
  }

  void labels(value_at x, const field_path& path, std::map<std::string, std::string>& out) const {
    std::vector<map_entry> entries;
    if (!in_.map(x, path, entries))
      return;
    for (const auto& entry : entries) {
      const auto& key = entry.key.text;
      if (entry.key.type != yaml::scalar_type::text || key.empty() || key.size() > 128) {
        error(entry.key_place, path, "expected the name of a label");
      } else if (key.rfind("muster.", 0) == 0) {
        error(entry.key_place, path.field(key), "labels that begin with 'muster.' are Muster's own");
      } else {
        (void)in_.text(entry.value, path.field(key), out[key], numbers::as_text);
      }
    }
  }

  static constexpr std::uint8_t longest_prefix = 26;
};

} // namespace

void decode_pools(const value_reader& in, const std::filesystem::path& base, value_at x, const field_path& path,
                  std::map<std::string, pool_settings>& out) {
  pool_decoder{in, base}.pools(x, path, out);
}

result<pool_settings> read_made_pool(const std::string& name, std::string_view text) {
  auto asked = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!asked.is_object())
    return error{ec::invalid_argument, "a pool: expected an object"};
  // Others would have to be set up on the head's own machine.
  if (const auto driver = asked.find("driver"); driver != asked.end() && *driver != "agents")
    return error{ec::invalid_argument, "driver: only pools with `driver: agents` are made while a head runs; others "
                                       "are of its configuration file"};
  asked["driver"] = "agents";
  if (asked.contains("policy"))
    return error{ec::invalid_argument, "policy: it is set apart from the other keys of a pool"};
  pool_settings out;
  const auto read = decode_json(asked.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace), "a pool",
                                [&](const value_reader& in, value_at top) {
                                  pool_decoder{in, {}}.made(top, name, out);
                                });
  return read ? result<pool_settings>{std::move(out)} : result<pool_settings>{read.failure()};
}

} // namespace muster::config
