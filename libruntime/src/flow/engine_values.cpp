#include "flow/engine.hpp"

#include "muster/spec/expression.hpp"

#include <algorithm>
#include <set>
#include <utility>

/// What a step, an element or a round sees: names, parameters, items, results.
namespace muster::flow {

namespace {

using variable_list = std::vector<std::pair<std::string, template_value>>;

/// The first name of a dotted path; `path` becomes the rest.
std::string_view take_name(std::string_view& path) {
  const auto dot = path.find('.');
  const auto name = path.substr(0, dot);
  path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  return name;
}

bool strip(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

error nothing_at(std::string_view token) {
  return {ec::invalid_argument, "{{" + std::string{token} + "}}: there is no such value"};
}

result<template_value> part_of(const template_value& x, std::string_view path, std::string_view token) {
  const auto* part = spec::value_at_path(x, path);
  if (part == nullptr)
    return nothing_at(token);
  return *part;
}

/// Tasks that may have left output in a step that is no gang of its own, by their folders.
void add_parts(const spec::step& x, const std::string& path, const std::string& folder,
               std::vector<std::pair<std::string, std::string>>& out) {
  const auto add_scope = [&](const spec::scope& scope, const std::string& label) {
    const auto around = label.empty() ? path : joined(path, label);
    const auto inside = folder + "/" + (label.empty() ? label : label + "/");
    for (const auto& step : scope.steps)
      if (!step.foreach && !step.repeat)
        add_parts(step, joined(around, step.name), inside + step.name, out);
  };
  if (const auto* gang = std::get_if<spec::group>(&x.body)) {
    const bool plain = gang->tasks.size() == 1 && gang->tasks.front().name == x.name;
    const auto around = path.substr(0, path.size() - std::min(path.size(), x.name.size() + 1));
    for (const auto& task : gang->tasks)
      if (plain)
        out.emplace_back(folder, path);
      else
        out.emplace_back(folder + "/" + task.name, joined(around, task.name));
  } else if (const auto* inner = std::get_if<spec::scope_ptr>(&x.body)) {
    add_scope(**inner, {});
  } else if (const auto* branches = std::get_if<spec::branches_body>(&x.body)) {
    for (const auto& [name, branch] : branches->branches)
      add_scope(*branch, name);
  } else {
    const auto& choice = std::get<spec::switch_body>(x.body);
    for (const auto& [name, branch] : choice.cases)
      add_scope(*branch, name);
    if (choice.otherwise)
      add_scope(*choice.otherwise, "default");
  }
}

} // namespace

// -- names

std::string engine::gang_name(node_id run) const {
  return path_of(run) + (layout_of(at(run)).plain ? "-group" : "");
}

std::vector<std::string> engine::task_names(node_id run) const {
  const auto path = path_of(run);
  if (layout_of(at(run)).plain)
    return {path};
  bool has_folder = false; // Of an element or round, whose members have names of their own.
  auto i = run;
  for (; std::holds_alternative<run_part>(at(i).part); i = at(i).parent)
    has_folder = has_folder || !at(i).label.empty();
  const auto around = has_folder ? path : path_of(at(i).parent);
  std::vector<std::string> names;
  for (const auto& task : std::get<spec::group>(at(run).step->body).tasks)
    names.push_back(joined(around, task.name));
  return names;
}

node_id engine::scope_around(node_id id) const {
  for (auto i = at(id).parent; i != no_node; i = at(i).parent)
    if (std::holds_alternative<scope_part>(at(i).part))
      return i;
  return no_node;
}

node_id engine::find_step(node_id from, const std::string& name) const {
  for (auto scope = scope_around(from); scope != no_node; scope = scope_around(scope)) {
    const auto& part = scope_of(scope);
    const auto& names = layouts_.of(*part.source).by_name;
    if (const auto found = names.find(name); found != names.end() && found->second < part.steps.size())
      return part.steps[found->second];
  }
  return no_node;
}

// -- values

const template_value* engine::parameter(node_id from, const std::string& name) const {
  for (auto i = from; i != no_node; i = at(i).parent)
    if (const auto* scope = std::get_if<scope_part>(&at(i).part))
      if (const auto found = scope->parameters.find(name); found != scope->parameters.end())
        return &found->second;
  return nullptr;
}

const run_part* engine::nearest(node_id from, bool (*has)(const run_part&)) const {
  for (auto i = from; i != no_node; i = at(i).parent)
    if (const auto* run = std::get_if<run_part>(&at(i).part); run != nullptr && has(*run))
      return run;
  return nullptr;
}

std::optional<std::uint32_t> engine::followed_element(node_id from, node_id step) const {
  for (auto i = from; i != no_node; i = at(i).parent) {
    const auto* run = std::get_if<run_part>(&at(i).part);
    if (run == nullptr || !run->is_element)
      continue;
    if (at(i).parent == step)
      return std::nullopt;
    // Through several stages: element i of the last follows element i of the first.
    for (auto source = step_of(at(i).parent).fan->source; source != no_node; source = step_of(source).fan->source)
      if (source == step)
        return run->element;
  }
  return std::nullopt;
}

held_ptr engine::result_of(node_id from, node_id step) const {
  const auto element = followed_element(from, step);
  if (!element)
    return at(step).result;
  const auto& results = step_of(step).fan->results;
  return *element < results.size() && results[*element] ? std::make_shared<held_result>(results[*element]) : nullptr;
}

result<template_value> engine::result_at(node_id from, std::string_view path) const {
  const auto whole = path;
  const std::string first{take_name(path)};
  auto step = find_step(from, first);
  const auto token = "result:" + std::string{whole};
  if (step == no_node)
    return error{ec::invalid_argument, "{{" + token + "}}: there is no step " + first};
  const bool is_member = at(step).step->name != first;
  auto held = result_of(from, step);
  // The rest may name steps of a nested workflow, as far as those are still known.
  while (!path.empty() && step_of(step).run != no_node) {
    auto rest = path;
    auto name = std::string{take_name(rest)};
    const auto& scopes = run_of(step_of(step).run).scopes;
    auto scope = scopes.empty() ? no_node : scopes.front();
    if (std::holds_alternative<spec::branches_body>(at(step).step->body) ||
        (scope != no_node && at(scope).label == name)) {
      const auto branch = std::find_if(scopes.begin(), scopes.end(), [&](node_id x) { return at(x).label == name; });
      if (branch == scopes.end())
        break;
      scope = *branch;
      held = at(scope).result;
      path = rest;
      if (path.empty())
        break;
      name = std::string{take_name(rest)};
    }
    if (scope == no_node)
      break;
    const auto& names = layouts_.of(*scope_of(scope).source).by_name;
    const auto inner = names.find(name);
    if (inner == names.end() || inner->second >= scope_of(scope).steps.size())
      break;
    step = scope_of(scope).steps[inner->second];
    held = at(step).result;
    path = rest;
  }
  if (!held)
    return error{ec::invalid_argument,
                 "{{" + token + "}}: " + first + " gave no result; a task gives one by writing JSON to $MUSTER_RESULT"};
  auto value = held->value();
  if (!value)
    return value.failure();
  if (!is_member)
    return part_of(*value, path, token);
  return part_of(*value, joined(first, std::string{path}).substr(0, path.empty() ? first.size() : std::string::npos),
                 token);
}

result<template_value> engine::token_value(node_id from, std::string_view token) const {
  auto rest = token;
  if (strip(rest, "parameter:")) {
    const auto name = std::string{take_name(rest)};
    const auto* found = parameter(from, name);
    return found == nullptr ? nothing_at(token) : part_of(*found, rest, token);
  }
  if (strip(rest, "result:"))
    return result_at(from, rest);
  if (rest == "index") {
    const auto* run = nearest(from, [](const run_part& x) { return x.index >= 0; });
    return run == nullptr ? result<template_value>{nothing_at(token)} : template_value{run->index};
  }
  if (strip(rest, "carry.")) {
    const auto* run = nearest(from, [](const run_part& x) { return x.carry.has_value(); });
    return run == nullptr ? nothing_at(token) : part_of(*run->carry, rest, token);
  }
  const auto* run = nearest(from, [](const run_part& x) { return x.item.has_value(); });
  if (run == nullptr || !strip(rest, "item"))
    return nothing_at(token);
  strip(rest, ".");
  return part_of(*run->item, rest, token);
}

template_value engine::variables(node_id from, const std::string& expression, const variable_list& more) const {
  template_dict all;
  template_dict parameters;
  std::vector<const scope_part*> scopes;
  for (auto i = from; i != no_node; i = at(i).parent)
    if (const auto* scope = std::get_if<scope_part>(&at(i).part))
      scopes.push_back(scope);
  for (auto i = scopes.size(); i-- > 0;)
    for (const auto& [name, value] : scopes[i]->parameters)
      parameters.set(name, value);
  all.set("parameters", template_value::make_dict(std::move(parameters)));
  template_dict results;
  for (const auto& path : spec::paths_below(expression, "results")) {
    std::string_view rest = path;
    const std::string name{take_name(rest)};
    if (auto value = result_at(from, name))
      results.set(name, std::move(*value));
  }
  all.set("results", template_value::make_dict(std::move(results)));
  for (const auto* name : {"item", "index", "carry"})
    if (auto value = name == std::string_view{"carry"} ? token_value(from, "carry.") : token_value(from, name))
      all.set(name, std::move(*value));
  for (const auto& [name, value] : more)
    all.set(name, value);
  return template_value::make_dict(std::move(all));
}

result<template_value> engine::evaluate(node_id from, const std::string& expression, const variable_list& more) const {
  auto value = spec::evaluate_expression(expression, variables(from, expression, more));
  if (!value)
    return error{value.failure().code, expression + ": " + value.failure().message};
  if (value->is_undefined())
    return error{ec::invalid_argument, expression + ": " + value->undefined_message()};
  return value;
}

result<bool> engine::holds(node_id from, const std::string& expression, const variable_list& more) const {
  const auto value = evaluate(from, expression, more);
  if (!value)
    return value.failure();
  return value->truthy();
}

result<std::string> engine::replace_in_text(node_id from, const std::string& text) const {
  spec::token_values values;
  for (auto at = text.find("{{"); at != std::string::npos; at = text.find("{{", at + 2)) {
    const auto close = text.find("}}", at);
    if (close == std::string::npos)
      break;
    auto token = text.substr(at + 2, close - at - 2);
    token.erase(0, std::min(token.find_first_not_of(' '), token.size()));
    token.erase(token.find_last_not_of(' ') + 1);
    if (!is_flow_token(token))
      continue;
    const auto value = token_value(from, token);
    if (!value)
      return value.failure();
    auto shown = spec::value_to_text(*value);
    if (!shown)
      return shown.failure();
    values.emplace(token, std::move(*shown));
  }
  return spec::substitute(text, values);
}

/// A text that is one token alone becomes its value, of whatever type; else tokens become text.
result<template_value> engine::replace_tokens(node_id from, const template_value& x) const {
  if (x.is_string()) {
    const auto& text = x.as_string();
    if (text.find("{{") == std::string::npos)
      return x;
    if (text.find("{{") == 0 && text.find("}}") == text.size() - 2) {
      auto token = text.substr(2, text.size() - 4);
      token.erase(0, std::min(token.find_first_not_of(' '), token.size()));
      token.erase(token.find_last_not_of(' ') + 1);
      return is_flow_token(token) ? token_value(from, token) : x;
    }
    auto made = replace_in_text(from, text);
    return made ? result<template_value>{template_value{std::move(*made)}} : made.failure();
  }
  if (x.is_sequence()) {
    template_value::list_type items;
    for (const auto& item : x.items()) {
      auto made = replace_tokens(from, item);
      if (!made)
        return made;
      items.push_back(std::move(*made));
    }
    return template_value::make_list(std::move(items));
  }
  if (!x.is(template_value::type::dict))
    return x;
  template_dict entries;
  for (const auto& [key, value] : x.dict().entries()) {
    auto made = replace_tokens(from, value);
    if (!made)
      return made;
    entries.set(key, std::move(*made));
  }
  return template_value::make_dict(std::move(entries));
}

// -- what a gang's tasks see

result<gang_values> engine::values_of(node_id id) const {
  gang_values out;
  const auto& layout = layout_of(at(id));
  for (const auto& token : layout.tokens) {
    const auto value = token_value(id, token);
    if (!value)
      return value.failure();
    auto text = spec::value_to_text(*value);
    if (!text)
      return error{text.failure().code, "{{" + token + "}}: " + text.failure().message};
    out.tokens.emplace(token, std::move(*text));
  }
  const auto add_variable = [&](const std::string& name, const result<template_value>& value) {
    if (!value)
      return;
    if (auto text = spec::value_to_text(*value))
      out.environment.emplace_back(name, std::move(*text));
  };
  std::set<std::string> names;
  for (auto i = id; i != no_node; i = at(i).parent)
    if (const auto* scope = std::get_if<scope_part>(&at(i).part))
      for (const auto& [name, value] : scope->parameters)
        if (names.insert(name).second)
          add_variable("MUSTER_PARAMETER_" + name, value);
  add_variable("MUSTER_ITEM", token_value(id, "item"));
  add_variable("MUSTER_INDEX", token_value(id, "index"));
  const auto& step = *at(id).step;
  std::set<std::string> upstream(step.needs.begin(), step.needs.end());
  for (const auto& x : step.after)
    upstream.insert(x.step);
  for (const auto& name : upstream)
    if (const auto found = find_step(id, name); found != no_node)
      if (const auto held = result_of(id, found))
        out.results.emplace_back(name, held->text());
  for (const auto& task : std::get<spec::group>(step.body).tasks) {
    auto& inputs = out.inputs.emplace_back();
    for (const auto& input : task.inputs) {
      const auto* from = std::get_if<spec::task_input>(&input.from);
      inputs.push_back(from != nullptr && from->workflow.empty() ? locate(id, from->task) : input_source{});
    }
  }
  return out;
}

input_source engine::locate(node_id id, const std::string& name) const {
  input_source out;
  const auto step = find_step(id, name);
  if (step == no_node)
    return out;
  const auto& definition = *at(step).step;
  const auto* gang = std::get_if<spec::group>(&definition.body);
  const auto path = path_of(step);
  const bool plain = layout_of(at(step)).plain;
  const bool is_member = gang != nullptr && !plain && name != definition.name;
  /// What is below one element, or below the step.
  const auto add = [&](const std::string& own_path, const std::string& folder, bool has_folder) {
    const auto around = has_folder ? own_path : path_of(at(step).parent);
    if (plain)
      out.parts.emplace_back(folder, own_path);
    else if (is_member)
      out.parts.emplace_back(folder, joined(around, name));
    else if (gang != nullptr)
      for (const auto& task : gang->tasks)
        out.parts.emplace_back(folder.empty() ? task.name : folder + "/" + task.name, joined(around, task.name));
    else {
      std::vector<std::pair<std::string, std::string>> found;
      add_parts(definition, own_path, folder, found);
      for (auto& [inner_folder, task] : found)
        out.parts.emplace_back(inner_folder.substr(inner_folder.find_first_not_of('/')), std::move(task));
    }
  };
  const auto rounds = [&](const std::string& own_path, node_id run) {
    const bool has = run != no_node && run_of(run).round != no_node;
    return has ? joined(own_path, at(run_of(run).round).label) : own_path;
  };
  const auto element_path = [&](std::uint32_t i) {
    const auto& last = step_of(step).fan->rounds;
    const auto own = joined(path, std::to_string(i));
    return i < last.size() ? joined(own, std::to_string(last[i])) : own;
  };
  if (!step_of(step).fan) {
    add(rounds(path, step_of(step).run), "", definition.repeat.has_value());
  } else if (const auto element = followed_element(id, step)) {
    add(element_path(*element), "", true);
  } else {
    const auto& states = step_of(step).fan->states;
    for (std::uint32_t i = 0; i < states.size(); ++i)
      if (states[i] == status::completed)
        add(element_path(i), std::to_string(i), true);
    return out;
  }
  if (out.parts.size() == 1 && out.parts.front().first.empty()) {
    out.task = std::move(out.parts.front().second);
    out.parts.clear();
  }
  return out;
}

} // namespace muster::flow
