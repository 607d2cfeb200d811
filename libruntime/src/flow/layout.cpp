#include "flow/layout.hpp"

#include "muster/base/text.hpp"
#include "muster/spec/codec.hpp"
#include "muster/spec/expression.hpp"

#include <algorithm>
#include <set>
#include <variant>

namespace muster::flow {

namespace {

bool begins_with(std::string_view x, std::string_view with) {
  return x.substr(0, with.size()) == with;
}

/// Every `{{token}}` of ours in a text.
void find_tokens(std::string_view text, std::set<std::string>& out) {
  for (auto at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    const auto end = text.find("}}", at);
    if (end == std::string_view::npos)
      return;
    if (const auto token = trimmed(text.substr(at + 2, end - at - 2), " "); is_flow_token(token))
      out.emplace(token);
  }
}

std::vector<std::string> tokens_of(const spec::step& x) {
  std::set<std::string> found;
  if (const auto* gang = std::get_if<spec::group>(&x.body))
    for (const auto& task : gang->tasks)
      find_tokens(spec::encode(task), found);
  if (x.cache)
    find_tokens(*x.cache, found);
  return {found.begin(), found.end()};
}

bool is_plain(const spec::step& x) {
  const auto* gang = std::get_if<spec::group>(&x.body);
  return gang != nullptr && gang->tasks.size() == 1 && gang->tasks.front().name == x.name;
}

bool looks_at_element(const std::string& expression) {
  // A longer word that holds one of these makes the condition be asked per element, which gives the same answer.
  return expression.find("item") != std::string::npos || expression.find("index") != std::string::npos;
}

const spec::each_of_step* each_of(const spec::step& x) {
  return x.foreach ? std::get_if<spec::each_of_step>(&x.foreach->items) : nullptr;
}

/// What a step waits for, by position; a word of `after` goes before what follows from inputs and tokens.
std::vector<dependency> dependencies_of(const spec::step& x, const scope_layout& scope) {
  std::map<std::uint32_t, dependency> found;
  const auto position = [&](const std::string& name) {
    const auto at = scope.by_name.find(name);
    return at == scope.by_name.end() ? std::nullopt : std::optional{at->second};
  };
  for (const auto& a : x.after)
    if (const auto p = position(a.step))
      found.try_emplace(*p, dependency{*p, a.on, false});
  if (const auto* each = each_of(x))
    if (const auto p = position(each->step))
      found.try_emplace(*p, dependency{*p, spec::after_on::success, true});
  for (const auto& name : x.needs)
    if (const auto p = position(name))
      found.try_emplace(*p, dependency{*p, spec::after_on::success, false});
  std::vector<dependency> out;
  out.reserve(found.size());
  for (const auto& [p, d] : found)
    out.push_back(d);
  return out;
}

} // namespace

bool is_flow_token(std::string_view token) {
  return token == "item" || token == "index" || begins_with(token, "item.") || begins_with(token, "carry.") ||
         begins_with(token, "parameter:") || begins_with(token, "result:");
}

layouts::layouts(const spec::scope& root) {
  add(root, true);
}

void layouts::add(const spec::scope& x, bool is_root) {
  auto& layout = known_[&x];
  layout.steps.resize(x.steps.size());
  for (std::uint32_t i = 0; i < x.steps.size(); ++i) {
    layout.by_name.emplace(x.steps[i].name, i);
    if (const auto* gang = std::get_if<spec::group>(&x.steps[i].body))
      for (const auto& task : gang->tasks)
        layout.by_name.emplace(task.name, i);
  }
  // The result of a nested scope may be made of any of its steps'.
  for (std::uint32_t i = 0; i < x.steps.size(); ++i) {
    auto& step = layout.steps[i];
    step.tokens = tokens_of(x.steps[i]);
    step.plain = is_plain(x.steps[i]);
    step.when_per_item = x.steps[i].foreach && looks_at_element(x.steps[i].when);
    step.waits_for = dependencies_of(x.steps[i], layout);
    step.wanted = step.wanted || !is_root || x.steps[i].repeat.has_value() || !x.result.empty();
    for (const auto& d : step.waits_for) {
      layout.steps[d.step].waited_by.push_back(i);
      layout.steps[d.step].wanted = true;
    }
  }
  for (const auto& step : x.steps)
    add_inner(step);
}

void layouts::add_inner(const spec::step& x) {
  if (const auto* inner = std::get_if<spec::scope_ptr>(&x.body))
    add(**inner, false);
  if (const auto* branches = std::get_if<spec::branches_body>(&x.body))
    for (const auto& [name, branch] : branches->branches)
      add(*branch, false);
  if (const auto* choice = std::get_if<spec::switch_body>(&x.body)) {
    for (const auto& [name, branch] : choice->cases)
      add(*branch, false);
    if (choice->otherwise)
      add(*choice->otherwise, false);
  }
  if (x.on_failure)
    add(*x.on_failure, false);
}

} // namespace muster::flow
