#include "muster/config/policy_patch.hpp"

#include "config/decode.hpp"
#include "config/decode_json.hpp"
#include "muster/base/nearest.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace muster::config {

namespace {

using json = nlohmann::ordered_json;

/// Keys, and how each is taken over from another policy.
using take_key = void (*)(const pool_policy& from, pool_policy& to);
const std::vector<std::pair<std::string_view, take_key>>& keys() {
  static const std::vector<std::pair<std::string_view, take_key>> all{
      {"quotas", [](const auto& from, auto& to) { to.quotas = from.quotas; }},
      {"user_weights", [](const auto& from, auto& to) { to.user_weights = from.user_weights; }},
      {"age_step", [](const auto& from, auto& to) { to.age_step = from.age_step; }},
      {"usage_half_life", [](const auto& from, auto& to) { to.usage_half_life = from.usage_half_life; }},
      {"max_passes", [](const auto& from, auto& to) { to.max_passes = from.max_passes; }},
      {"strategy", [](const auto& from, auto& to) { to.strategy = from.strategy; }},
      {"topology", [](const auto& from, auto& to) { to.topology = from.topology; }},
      {"platforms", [](const auto& from, auto& to) { to.platforms = from.platforms; }},
      {"default_driver", [](const auto& from, auto& to) { to.default_driver = from.default_driver; }},
      {"exec_timeout", [](const auto& from, auto& to) { to.exec_timeout = from.exec_timeout; }},
      {"queue_timeout", [](const auto& from, auto& to) { to.queue_timeout = from.queue_timeout; }},
      {"start_timeout", [](const auto& from, auto& to) { to.start_timeout = from.start_timeout; }},
      {"exit_actions", [](const auto& from, auto& to) { to.exit_actions = from.exit_actions; }},
      {"maintenance", [](const auto& from, auto& to) { to.maintenance = from.maintenance; }},
  };
  return all;
}

bool is_key(std::string_view x) {
  return std::any_of(keys().begin(), keys().end(), [&](const auto& known) { return known.first == x; });
}

error unknown_key(const std::string& x) {
  std::vector<std::string> names;
  for (const auto& known : keys())
    names.emplace_back(known.first);
  constexpr std::size_t shown = 80;
  const auto hint = did_you_mean(x, names);
  return {ec::invalid_argument,
          "policy." + x.substr(0, shown) + ": a policy has no such key" + (hint.empty() ? "" : "; " + hint)};
}

json parsed(std::string_view text) {
  return json::parse(text, nullptr, false);
}

/// Reads those keys, as a file has them.
result<pool_policy> decode(std::string_view set) {
  pool_policy out;
  const auto read = decode_json(set, "policy", [&](const spec::value_reader& in, spec::value_at top) {
    decode_policy(in, {}, top, spec::field_path{}.field("policy"), out);
  });
  return read ? result<pool_policy>{std::move(out)} : result<pool_policy>{read.failure()};
}

} // namespace

result<pool_policy> with_set(const pool_policy& file, std::string_view set) {
  const auto asked = parsed(set);
  if (!asked.is_object())
    return error{ec::invalid_argument, "policy: expected an object"};
  auto out = file;
  if (asked.empty())
    return out;
  const auto read = decode(set);
  if (!read)
    return read.failure();
  for (const auto& [key, take] : keys())
    if (asked.contains(key))
      take(*read, out);
  return out;
}

result<std::string> patched(std::string_view set, const pool_policy& now, std::string_view patch) {
  const auto what = parsed(patch);
  if (what.is_null())
    return std::string{"{}"};
  if (!what.is_object())
    return error{ec::invalid_argument, "policy: expected an object with keys of a policy, or null"};
  auto out = parsed(set);
  if (!out.is_object())
    out = json::object();
  const auto whole = parsed(to_json(now));
  for (const auto& [key, change] : what.items()) {
    if (!is_key(key))
      return unknown_key(key);
    if (change.is_null()) {
      out.erase(key);
      continue;
    }
    auto value = whole.at(key);
    value.merge_patch(change);
    out[key] = std::move(value);
  }
  auto text = out.dump(-1, ' ', false, json::error_handler_t::replace);
  constexpr std::size_t longest = std::size_t{1} << 20U; // As of a file.
  if (text.size() > longest)
    return error{ec::limit_exceeded, "policy: what is set would have more than 1 MiB"};
  return text;
}

std::vector<std::string> keys_of(std::string_view set) {
  std::vector<std::string> out;
  const auto all = parsed(set);
  if (all.is_object())
    for (const auto& [key, value] : all.items())
      out.push_back(key);
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace muster::config
