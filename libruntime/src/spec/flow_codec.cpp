#include "muster/spec/flow_codec.hpp"

#include "muster/spec/codec.hpp"
#include "muster/spec/expression.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <utility>

namespace muster::spec {

namespace {

using json = nlohmann::ordered_json;

/// Deeper scopes are none that the decoder of specs lets in.
constexpr int deepest = 100;

// -- writing

json value_out(const template_value& x) {
  const auto text = value_to_json(x);
  return text ? json::parse(*text) : json{};
}

json list_out(const template_value::list_type& xs) {
  auto out = json::array();
  for (const auto& x : xs)
    out.push_back(value_out(x));
  return out;
}

json scope_out(const scope& x);

/// Pairs as a list: their order counts.
json named_scopes_out(const std::vector<std::pair<std::string, scope_ptr>>& xs) {
  auto out = json::array();
  for (const auto& [name, inner] : xs)
    out.push_back(json::array({name, scope_out(*inner)}));
  return out;
}

struct body_writer {
  json operator()(const group& x) const {
    json out{{"group", x.name}, {"barrier", x.barrier}, {"ignoreNonleadStatus", x.ignore_nonlead_status}};
    auto& tasks = out["tasks"] = json::array();
    for (const auto& t : x.tasks)
      tasks.push_back(json{{"name", t.name}, {"lead", t.lead}, {"body", encode(t)}});
    return out;
  }
  json operator()(const scope_ptr& x) const { return json{{"workflow", scope_out(*x)}}; }
  json operator()(const branches_body& x) const { return json{{"branches", named_scopes_out(x.branches)}}; }
  json operator()(const switch_body& x) const {
    json out{{"switch", x.value}, {"cases", named_scopes_out(x.cases)}};
    if (x.otherwise)
      out["default"] = scope_out(*x.otherwise);
    return out;
  }
};

struct items_writer {
  json operator()(const each_of_list& x) const { return json{{"list", list_out(x.items)}}; }
  json operator()(const each_of_axes& x) const {
    auto axes = json::array();
    for (const auto& [name, values] : x.axes)
      axes.push_back(json::array({name, list_out(values)}));
    return json{{"axes", axes}, {"exclude", list_out(x.exclude)}, {"include", list_out(x.include)}};
  }
  json operator()(const each_of_range& x) const { return json{{"range", json::array({x.from, x.to, x.step})}}; }
  json operator()(const each_of_result& x) const { return json{{"result", x.path}}; }
  json operator()(const each_of_expression& x) const { return json{{"expression", x.text}}; }
  json operator()(const each_of_step& x) const { return json{{"each", x.step}}; }
};

json foreach_out(const foreach& x) {
  json out{{"items", std::visit(items_writer{}, x.items)}};
  if (x.max_parallel != 0)
    out["maxParallel"] = x.max_parallel;
  if (x.fail_fast)
    out["failFast"] = true;
  if (x.max_failures)
    out["maxFailures"] = *x.max_failures;
  if (x.allow_partial)
    out["allowPartial"] = true;
  if (x.reduce.with != reduction::collect || !x.reduce.path.empty())
    out["reduce"] =
        json{{"with", static_cast<int>(x.reduce.with)}, {"path", x.reduce.path}, {"smallest", x.reduce.smallest}};
  return out;
}

json repeat_out(const repeat& x) {
  auto carry = json::array();
  for (const auto& [name, value] : x.carry)
    carry.push_back(json::array({name, value_out(value)}));
  return json{{"until", x.until}, {"max", x.max}, {"carry", carry}};
}

json retry_out(const retry& x) {
  json out{{"max", x.max}, {"statuses", x.statuses}};
  if (x.backoff)
    out["backoff"] = x.backoff->count();
  auto& codes = out["codes"] = json::array();
  for (const auto& range : x.codes)
    codes.push_back(json::array({range.first, range.last}));
  return out;
}

json step_out(const step& x) {
  json out{{"name", x.name}, {"body", std::visit(body_writer{}, x.body)}};
  for (const auto& a : x.after)
    out["after"].push_back(json::array({a.step, static_cast<int>(a.on)}));
  if (!x.needs.empty())
    out["needs"] = x.needs;
  if (!x.when.empty())
    out["when"] = x.when;
  if (x.foreach)
    out["foreach"] = foreach_out(*x.foreach);
  if (x.repeat)
    out["repeat"] = repeat_out(*x.repeat);
  if (x.on_failure)
    out["onFailure"] = scope_out(*x.on_failure);
  if (x.retry)
    out["retry"] = retry_out(*x.retry);
  if (x.timeout)
    out["timeout"] = x.timeout->count();
  if (x.cache)
    out["cache"] = *x.cache;
  return out;
}

json scope_out(const scope& x) {
  json out{{"steps", json::array()}};
  for (const auto& p : x.parameters)
    out["parameters"].push_back(json{{"name", p.name},
                                     {"type", static_cast<int>(p.type)},
                                     {"value", value_out(p.value)},
                                     {"description", p.description}});
  for (const auto& s : x.steps)
    out["steps"].push_back(step_out(s));
  if (!x.result.empty())
    out["result"] = x.result;
  return out;
}

// -- reading; what does not fit throws, and is caught at the border

template_value value_in(const json& x) {
  auto value = value_from_json(x.dump());
  if (!value)
    throw std::invalid_argument(value.failure().message);
  return std::move(*value);
}

template_value::list_type list_in(const json& xs) {
  template_value::list_type out;
  for (const auto& x : xs)
    out.push_back(value_in(x));
  return out;
}

template <class Enum>
Enum number_in(const json& x, Enum last) {
  const auto n = x.get<int>();
  if (n < 0 || n > static_cast<int>(last))
    throw std::invalid_argument("number out of range");
  return static_cast<Enum>(n);
}

scope_ptr scope_in(const json& x, int depth);

std::vector<std::pair<std::string, scope_ptr>> named_scopes_in(const json& xs, int depth) {
  std::vector<std::pair<std::string, scope_ptr>> out;
  for (const auto& x : xs)
    out.emplace_back(x.at(0).get<std::string>(), scope_in(x.at(1), depth));
  return out;
}

group group_in(const json& x) {
  group out;
  out.name = x.at("group").get<std::string>();
  out.barrier = x.at("barrier").get<bool>();
  out.ignore_nonlead_status = x.at("ignoreNonleadStatus").get<bool>();
  for (const auto& t : x.at("tasks")) {
    auto decoded = decode_task(t.at("body").get<std::string>());
    if (!decoded)
      throw std::invalid_argument(decoded.failure().message);
    decoded->name = t.at("name").get<std::string>();
    decoded->lead = t.at("lead").get<bool>();
    out.tasks.push_back(std::move(*decoded));
  }
  return out;
}

step_body body_in(const json& x, int depth) {
  if (x.contains("group"))
    return group_in(x);
  if (x.contains("workflow"))
    return scope_in(x.at("workflow"), depth);
  if (x.contains("branches"))
    return branches_body{named_scopes_in(x.at("branches"), depth)};
  switch_body out{x.at("switch").get<std::string>(), named_scopes_in(x.at("cases"), depth), nullptr};
  if (x.contains("default"))
    out.otherwise = scope_in(x.at("default"), depth);
  return out;
}

item_source items_in(const json& x) {
  if (x.contains("list"))
    return each_of_list{list_in(x.at("list"))};
  if (x.contains("axes")) {
    each_of_axes out;
    for (const auto& axis : x.at("axes"))
      out.axes.emplace_back(axis.at(0).get<std::string>(), list_in(axis.at(1)));
    out.exclude = list_in(x.at("exclude"));
    out.include = list_in(x.at("include"));
    return out;
  }
  if (x.contains("range")) {
    const auto& r = x.at("range");
    return each_of_range{r.at(0).get<std::int64_t>(), r.at(1).get<std::int64_t>(), r.at(2).get<std::int64_t>()};
  }
  if (x.contains("result"))
    return each_of_result{x.at("result").get<std::string>()};
  if (x.contains("expression"))
    return each_of_expression{x.at("expression").get<std::string>()};
  return each_of_step{x.at("each").get<std::string>()};
}

foreach
  foreach_in(const json& x) {
    foreach
      out;
    out.items = items_in(x.at("items"));
    out.max_parallel = x.value("maxParallel", 0U);
    out.fail_fast = x.value("failFast", false);
    if (x.contains("maxFailures"))
      out.max_failures = x.at("maxFailures").get<std::uint32_t>();
    out.allow_partial = x.value("allowPartial", false);
    if (x.contains("reduce")) {
      const auto& r = x.at("reduce");
      out.reduce = {number_in(r.at("with"), reduction::best), r.at("path").get<std::string>(),
                    r.at("smallest").get<bool>()};
    }
    return out;
  }

repeat repeat_in(const json& x) {
  repeat out{x.at("until").get<std::string>(), x.at("max").get<std::uint32_t>(), {}};
  for (const auto& c : x.at("carry"))
    out.carry.emplace_back(c.at(0).get<std::string>(), value_in(c.at(1)));
  return out;
}

retry retry_in(const json& x) {
  retry out;
  out.max = x.at("max").get<std::uint32_t>();
  if (x.contains("backoff"))
    out.backoff = duration{x.at("backoff").get<duration::rep>()};
  for (const auto& range : x.at("codes"))
    out.codes.push_back({range.at(0).get<std::int64_t>(), range.at(1).get<std::int64_t>()});
  out.statuses = x.at("statuses").get<std::vector<std::string>>();
  return out;
}

step step_in(const json& x, int depth) {
  step out;
  out.name = x.at("name").get<std::string>();
  out.body = body_in(x.at("body"), depth);
  if (x.contains("after"))
    for (const auto& a : x.at("after"))
      out.after.push_back({a.at(0).get<std::string>(), number_in(a.at(1), after_on::always)});
  if (x.contains("needs"))
    out.needs = x.at("needs").get<std::vector<std::string>>();
  out.when = x.value("when", "");
  if (x.contains("foreach"))
    out.foreach = foreach_in(x.at("foreach"));
  if (x.contains("repeat"))
    out.repeat = repeat_in(x.at("repeat"));
  if (x.contains("onFailure"))
    out.on_failure = scope_in(x.at("onFailure"), depth);
  if (x.contains("retry"))
    out.retry = retry_in(x.at("retry"));
  if (x.contains("timeout"))
    out.timeout = duration{x.at("timeout").get<duration::rep>()};
  if (x.contains("cache"))
    out.cache = x.at("cache").get<std::string>();
  return out;
}

scope_ptr scope_in(const json& x, int depth) {
  if (depth > deepest)
    throw std::invalid_argument("nested too deep");
  auto out = std::make_shared<scope>();
  if (x.contains("parameters"))
    for (const auto& p : x.at("parameters"))
      out->parameters.push_back({p.at("name").get<std::string>(), number_in(p.at("type"), parameter_type::map),
                                 value_in(p.at("value")), p.at("description").get<std::string>()});
  for (const auto& s : x.at("steps"))
    out->steps.push_back(step_in(s, depth + 1));
  out->result = x.value("result", "");
  return out;
}

} // namespace

std::string encode(const scope& x) {
  return scope_out(x).dump(-1, ' ', false, json::error_handler_t::replace);
}

result<scope_ptr> decode_scope(std::string_view text) {
  try {
    return scope_in(json::parse(text), 0);
  } catch (const std::exception& why) { // nlohmann's are of several types
    return {ec::store_corrupt, std::string{"a stored flow cannot be read: "} + why.what()};
  }
}

} // namespace muster::spec
