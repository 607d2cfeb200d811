#include "config/in_quotes.hpp"
#include "config/key_texts.hpp"
#include "muster/config/pool_policy.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/exit_words.hpp"

#include <array>
#include <charconv>

namespace muster::config {

namespace {

const char* word(bool x) {
  return x ? "true" : "false";
}

/// The shortest text that is read as the same number; without an exponent, which needs a point in YAML 1.1. For
/// weights.
std::string number_text(double x) {
  std::array<char, 32> text{};
  const auto done = std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::fixed);
  return {text.data(), done.ptr};
}

template <class List, class Text>
std::string joined(const List& all, Text text) {
  std::string out;
  for (const auto& x : all)
    out += (out.empty() ? "" : ", ") + text(x);
  return out;
}

std::string text_of(const std::map<std::string, std::string>& labels) {
  return '{' + joined(labels, [](const auto& x) { return in_quotes(x.first) + ": " + in_quotes(x.second); }) + '}';
}

std::string text_of(const quota_settings& x) {
  auto out = "{name: " + in_quotes(x.name) + ", guarantee: " + std::to_string(x.guarantee) +
             ", maximum: " + std::to_string(x.maximum) + ", weight: " + number_text(x.weight);
  if (!x.users.empty())
    out += ", users: [" + joined(x.users, in_quotes) + ']';
  if (!x.labels.empty())
    out += ", labels: " + text_of(x.labels);
  return out + '}';
}

std::string text_of(const platform_settings& x) {
  auto out = "{labels: " + text_of(x.labels);
  if (!x.driver.empty())
    out += ", driver: " + x.driver;
  if (const auto& p = x.permissions)
    out += std::string{", permissions: {privileged: "} + word(p->privileged) +
           ", host_network: " + word(p->host_network) + ", mounts: [" +
           joined(p->mounts, [](const auto& m) { return in_quotes(m.string()); }) + "]}";
  return out + '}';
}

std::string text_of(const time_settings& x) {
  std::string out;
  if (x.usual)
    out = "default: " + spec::to_string(*x.usual);
  if (x.most)
    out += (out.empty() ? "maximum: " : ", maximum: ") + spec::to_string(*x.most);
  return '{' + out + '}';
}

} // namespace

key_texts texts_of(const pool_policy& x) {
  const pool_policy none;
  key_texts out;
  const auto line = [&](const char* key, std::string value) { out.emplace_back(key, std::move(value)); };
  if (!x.quotas.empty())
    line("quotas", '[' + joined(x.quotas, [](const auto& q) { return text_of(q); }) + ']');
  if (!x.user_weights.empty())
    line("user_weights", '{' + joined(x.user_weights, [](const auto& w) {
                           return in_quotes(w.first) + ": " + number_text(w.second);
                         }) + '}');
  if (x.age_step != none.age_step)
    line("age_step", spec::to_string(x.age_step));
  if (x.usage_half_life != none.usage_half_life)
    line("usage_half_life", spec::to_string(x.usage_half_life));
  if (x.max_passes != none.max_passes)
    line("max_passes", std::to_string(x.max_passes));
  if (x.strategy != none.strategy)
    line("strategy", "spread");
  if (!x.topology.empty())
    line("topology", '[' + joined(x.topology, [](const auto& t) {
                       return "{key: " + in_quotes(t.key) + ", label: " + in_quotes(t.label) + '}';
                     }) + ']');
  if (!x.platforms.empty())
    line("platforms",
         '{' + joined(x.platforms, [](const auto& p) { return in_quotes(p.first) + ": " + text_of(p.second); }) + '}');
  if (!x.default_driver.empty())
    line("default_driver", x.default_driver);
  for (const auto& [key, limits] : {std::pair{"exec_timeout", &x.exec_timeout},
                                    {"queue_timeout", &x.queue_timeout},
                                    {"start_timeout", &x.start_timeout}})
    if (limits->usual || limits->most)
      line(key, text_of(*limits));
  if (!x.exit_actions.empty())
    line("exit_actions", '{' + joined(x.exit_actions, [](const auto& rule) {
                           return std::string{spec::to_string(rule.action)} + ": " + in_quotes(rule.text);
                         }) + '}');
  if (!x.maintenance.empty())
    line("maintenance", in_quotes(x.maintenance));
  return out;
}

std::string to_yaml(const pool_policy& x, const std::string& margin) {
  std::string out;
  for (const auto& [key, value] : texts_of(x))
    out += std::string{margin}.append("  ").append(key).append(": ").append(value) += '\n';
  return out.empty() ? out : margin + "policy:\n" + out;
}

std::vector<std::string> changed_keys(const pool_policy& before, const pool_policy& after) {
  return different_keys(texts_of(before), texts_of(after));
}

} // namespace muster::config
