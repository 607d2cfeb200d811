#include "config/decode.hpp"
#include "config/field_reader.hpp"
#include "muster/config/pool_policy.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace muster::config {

namespace {

using spec::map_entry;
using spec::numbers;
using spec::yaml::scalar_type;

constexpr std::size_t longest_name = 128;

/// Reads `policy` of one pool; each function reports what is wrong and leaves `out` as it was then.
class policy_decoder : private field_reader {
public:
  using field_reader::field_reader;

  void policy(value_at x, const field_path& path, pool_policy& out) const {
    constexpr std::int64_t most_passes = 1'000'000;
    static const names known = {"quotas",        "user_weights",  "age_step",     "usage_half_life", "max_passes",
                                "strategy",      "topology",      "platforms",    "default_driver",  "exec_timeout",
                                "queue_timeout", "start_timeout", "exit_actions", "maintenance"};
    (void)each_field(in_, x, path, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
      if (key == "quotas")
        list(v, where, out.quotas, [this](value_at i, const field_path& at, auto& q) { quota(i, at, q); });
      else if (key == "user_weights")
        named(v, where, "a user", out.user_weights,
              [this](value_at i, const field_path& at, double& w) { weight(i, at, w); });
      else if (key == "age_step")
        time(v, where, out.age_step);
      else if (key == "usage_half_life")
        time(v, where, out.usage_half_life);
      else if (key == "max_passes")
        number(v, where, 0, most_passes, out.max_passes);
      else if (key == "strategy")
        strategy(v, where, out.strategy);
      else if (key == "topology")
        topology(v, where, out.topology);
      else if (key == "platforms")
        named(v, where, "a platform", out.platforms,
              [this](value_at i, const field_path& at, auto& p) { platform(i, at, p); });
      else if (key == "default_driver")
        driver(v, where, out.default_driver);
      else if (key == "exit_actions")
        spec::decode_exit_actions(in_, v, where, out.exit_actions);
      else if (key == "maintenance")
        maintenance(v, where, out.maintenance);
      else
        limits(v, where,
               key == "exec_timeout"    ? out.exec_timeout
               : key == "queue_timeout" ? out.queue_timeout
                                        : out.start_timeout);
    });
    check_names(x, path, out);
  }

private:
  template <class T, class Decode>
  void list(value_at x, const field_path& path, std::vector<T>& out, Decode decode) const {
    constexpr std::size_t most = 1000;
    std::vector<value_at> items;
    if (!in_.list(x, path, items))
      return;
    if (items.size() > most)
      return error(x.place, path, "at most " + std::to_string(most) + " are taken");
    out.resize(items.size());
    for (std::size_t i = 0; i < items.size(); ++i)
      decode(items[i], path.item(i), out[i]);
  }

  /// A mapping whose keys are names.
  template <class T, class Decode>
  void named(value_at x, const field_path& path, const char* of_what, std::map<std::string, T>& out,
             Decode decode) const {
    std::vector<map_entry> entries;
    if (!in_.map(x, path, entries))
      return;
    for (const auto& entry : entries)
      if (entry.key.type != scalar_type::text || entry.key.text.empty() || entry.key.text.size() > longest_name)
        error(entry.key_place, path, std::string{"expected the name of "} + of_what,
              "put it in quotes if it looks like a number");
      else
        decode(entry.value, path.field(entry.key.text), out[entry.key.text]);
  }

  void name(value_at x, const field_path& path, std::string& out) const {
    std::string text;
    if (!in_.text(x, path, text, numbers::refuse))
      return;
    if (text.empty() || text.size() > longest_name)
      error(x.place, path, "expected a name of 1 to " + std::to_string(longest_name) + " characters");
    else
      out = std::move(text);
  }

  void labels(value_at x, const field_path& path, std::map<std::string, std::string>& out) const {
    named(x, path, "a label", out, [this](value_at v, const field_path& where, std::string& text) {
      (void)in_.text(v, where, text, numbers::as_text);
    });
  }

  void quota(value_at x, const field_path& path, quota_settings& out) const {
    constexpr std::int64_t most = 1'000'000'000;
    static const names known = {"name", "guarantee", "maximum", "weight", "users", "labels"};
    (void)each_field(in_, x, path, known, {"name"}, [&](std::string_view key, value_at v, const field_path& where) {
      if (key == "name")
        name(v, where, out.name);
      else if (key == "guarantee")
        number(v, where, -1, most, out.guarantee);
      else if (key == "maximum")
        number(v, where, -1, most, out.maximum);
      else if (key == "weight")
        weight(v, where, out.weight);
      else if (key == "users")
        list(v, where, out.users, [this](value_at i, const field_path& at, std::string& user) { name(i, at, user); });
      else
        labels(v, where, out.labels);
    });
    if (out.maximum >= 0 && out.guarantee < 0)
      out.guarantee = out.maximum;
    if (out.maximum >= 0 && out.guarantee > out.maximum)
      error(x.place, path, "`guarantee` is larger than `maximum`");
  }

  void weight(value_at x, const field_path& path, double& out) const {
    constexpr double least = 0.001;
    constexpr double most = 1'000'000;
    double read = 0;
    std::int64_t whole = 0;
    const auto scalar = in_.is_scalar(x) ? in_.scalar(x) : spec::yaml::scalar{};
    if (scalar.type == scalar_type::real)
      read = scalar.real;
    else if (scalar.type == scalar_type::integer && in_.integer(x, path, whole))
      read = static_cast<double>(whole);
    if (read >= least && read <= most)
      out = read;
    else
      error(x.place, path, "expected a number between 0.001 and 1000000");
  }

  void time(value_at x, const field_path& path, duration& out) const {
    duration read{};
    if (!spec::decode_duration(in_, x, path, read))
      return;
    if (read < duration{} || (read > duration{} && read < std::chrono::seconds{1}))
      error(x.place, path, "expected 0, or at least 1s");
    else
      out = read;
  }

  void limits(value_at x, const field_path& path, time_settings& out) const {
    static const names known = {"default", "maximum"};
    (void)each_field(in_, x, path, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
      time(v, where, (key == "default" ? out.usual : out.most).emplace());
    });
    if (out.usual && out.most && *out.most > duration{} && *out.usual > *out.most)
      error(x.place, path, "`default` is longer than `maximum`");
  }

  void strategy(value_at x, const field_path& path, placement_strategy& out) const {
    std::string word;
    if (choice(x, path, word, {"pack", "spread"}))
      out = word == "pack" ? placement_strategy::pack : placement_strategy::spread;
  }

  void topology(value_at x, const field_path& path, std::vector<topology_key>& out) const {
    list(x, path, out, [this](value_at item, const field_path& at, topology_key& level) {
      static const names known = {"key", "label"};
      (void)each_field(in_, item, at, known, known, [&](std::string_view key, value_at v, const field_path& where) {
        name(v, where, key == "key" ? level.key : level.label);
      });
    });
  }

  void platform(value_at x, const field_path& path, platform_settings& out) const {
    static const names known = {"labels", "permissions", "driver"};
    if (in_.is_scalar(x) && in_.scalar(x).type == scalar_type::null)
      return;
    (void)each_field(in_, x, path, known, {}, [&](std::string_view key, value_at v, const field_path& where) {
      if (key == "labels")
        labels(v, where, out.labels);
      else if (key == "driver")
        driver(v, where, out.driver);
      else
        permissions(v, where, out.permissions.emplace());
    });
  }

  /// Of those that agents have; an empty text for none.
  void driver(value_at x, const field_path& path, std::string& out) const {
    if (in_.is_scalar(x) && in_.scalar(x).type == scalar_type::text && in_.scalar(x).text.empty())
      out.clear();
    else
      (void)choice(x, path, out, {"process", "docker"});
  }

  /// `true`, `false` or why.
  void maintenance(value_at x, const field_path& path, std::string& out) const {
    if (in_.is_scalar(x) && in_.scalar(x).type == scalar_type::boolean) {
      out = in_.scalar(x).boolean ? "nothing is started for now" : "";
      return;
    }
    std::string text;
    if (in_.text(x, path, text, numbers::refuse))
      out = std::move(text);
  }

  /// Names that must differ.
  void check_names(value_at x, const field_path& path, const pool_policy& out) const {
    const auto twice = [&](const auto& all, auto name_of, const char* what) {
      for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t k = 0; k < i; ++k)
          if (!name_of(all[i]).empty() && name_of(all[i]) == name_of(all[k]))
            error(x.place, path, std::string{"there are two "} + what + " '" + name_of(all[i]) + "'");
    };
    twice(
        out.quotas, [](const auto& q) { return q.name; }, "quotas");
    twice(
        out.topology, [](const auto& t) { return t.key; }, "topology keys");
    const auto takes_all = [](const quota_settings& q) { return q.users.empty() && q.labels.empty(); };
    const auto last = std::find_if(out.quotas.begin(), out.quotas.end(), takes_all);
    if (last != out.quotas.end() && std::next(last) != out.quotas.end())
      error(x.place, path,
            "the quota '" + std::next(last)->name + "' gets nobody: '" + last->name + "' before it takes everybody",
            "a quota without `users` and `labels` comes last");
  }
};

} // namespace

void decode_policy(const value_reader& in, const std::filesystem::path& base, value_at x, const field_path& path,
                   pool_policy& out) {
  policy_decoder{in, base}.policy(x, path, out);
}

} // namespace muster::config
