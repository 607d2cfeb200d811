#include "muster/spec/flow_codec.hpp"

#include "spec/codec_json.hpp"
#include "spec/flow_decode.hpp"
#include "spec/flow_json.hpp"

namespace muster::spec {

namespace codec {

namespace {

constexpr std::size_t deepest_value = 200;

template <class Enum>
Enum enum_from_json(const json& x, Enum last) {
  const auto number = x.get<std::int64_t>();
  if (number < 0 || number > static_cast<std::int64_t>(last))
    throw std::invalid_argument("a number that stands for nothing");
  return static_cast<Enum>(number);
}

// -- values

json value_to_json(const template_value& x, std::size_t depth = 0) {
  using type = template_value::type;
  if (depth > deepest_value)
    return nullptr;
  switch (x.kind()) {
    case type::boolean: return x.as_bool();
    case type::integer: return x.as_integer();
    case type::real: return x.as_real();
    case type::string: return text_to_json(x.as_string());
    case type::list:
    case type::tuple: {
      auto out = json::array();
      for (const auto& item : x.items())
        out.push_back(value_to_json(item, depth + 1));
      return out;
    }
    case type::dict: {
      // A list of pairs: keys of a JSON object could not be bytes, nor be looked up in less than linear time.
      auto out = json::array();
      for (const auto& [key, item] : x.dict().entries())
        out.push_back(json::array({text_to_json(key.str()), value_to_json(item, depth + 1)}));
      return json{{"map", std::move(out)}};
    }
    default: return nullptr;
  }
}

template_value value_from_json(const json& x, std::size_t depth = 0) {
  if (depth > deepest_value)
    throw std::invalid_argument("a value is nested too deeply");
  if (x.is_boolean())
    return x.get<bool>();
  if (x.is_number_integer())
    return x.get<std::int64_t>();
  if (x.is_number())
    return x.get<double>();
  if (x.is_string())
    return x.get<std::string>();
  if (x.is_array()) {
    template_value::list_type items;
    for (const auto& item : x)
      items.push_back(value_from_json(item, depth + 1));
    return template_value::make_list(std::move(items));
  }
  if (!x.is_object())
    return {};
  if (x.find("hex") != x.end())
    return text_from_json(x);
  template_dict entries;
  for (const auto& entry : x.at("map"))
    entries.set(text_from_json(entry.at(0)), value_from_json(entry.at(1), depth + 1));
  return template_value::make_dict(std::move(entries));
}

json values_to_json(const template_value::list_type& x) {
  auto out = json::array();
  for (const auto& item : x)
    out.push_back(value_to_json(item));
  return out;
}

template_value::list_type values_from_json(const json& x) {
  template_value::list_type out;
  for (const auto& item : x.get_ref<const json::array_t&>())
    out.push_back(value_from_json(item));
  return out;
}

json parameter_to_json(const parameter& x) {
  writer out;
  out.put("name", text_to_json(x.name));
  if (x.type != parameter_type::any)
    out.put("type", static_cast<int>(x.type));
  out.put("value", value_to_json(x.value));
  out.text("description", x.description);
  return out.take();
}

parameter parameter_from_json(const json& x) {
  const reader in{x};
  parameter out;
  in.text("name", out.name);
  if (const auto* const type = in.find("type"))
    out.type = enum_from_json(*type, parameter_type::map);
  if (const auto* const value = in.find("value"))
    out.value = value_from_json(*value);
  in.text("description", out.description);
  return out;
}

// -- foreach, repeat, retry

json items_to_json(const item_source& x) {
  writer out;
  if (const auto* const list = std::get_if<each_of_list>(&x)) {
    out.put("list", values_to_json(list->items));
  } else if (const auto* const axes = std::get_if<each_of_axes>(&x)) {
    auto all = json::array();
    for (const auto& [name, values] : axes->axes)
      all.push_back(json::array({text_to_json(name), values_to_json(values)}));
    out.put("axes", std::move(all));
    out.list("exclude", axes->exclude, [](const template_value& value) { return value_to_json(value); });
    out.list("include", axes->include, [](const template_value& value) { return value_to_json(value); });
  } else if (const auto* const range = std::get_if<each_of_range>(&x)) {
    out.put("range", json::array({range->from, range->to, range->step}));
  } else if (const auto* const result = std::get_if<each_of_result>(&x)) {
    out.put("result", text_to_json(result->path));
  } else if (const auto* const expression = std::get_if<each_of_expression>(&x)) {
    out.put("expression", text_to_json(expression->text));
  } else {
    out.put("each", text_to_json(std::get<each_of_step>(x).step));
  }
  return out.take();
}

item_source items_from_json(const json& x) {
  const reader in{x};
  if (const auto* const list = in.find("list"))
    return each_of_list{values_from_json(*list)};
  if (const auto* const range = in.find("range")) {
    each_of_range out{range->at(0).get<std::int64_t>(), range->at(1).get<std::int64_t>(),
                      range->at(2).get<std::int64_t>()};
    if (out.step == 0)
      throw std::invalid_argument("a range with step 0");
    return out;
  }
  if (const auto* const result = in.find("result"))
    return each_of_result{text_from_json(*result)};
  if (const auto* const expression = in.find("expression"))
    return each_of_expression{text_from_json(*expression)};
  if (const auto* const each = in.find("each"))
    return each_of_step{text_from_json(*each)};
  const auto* const axes = in.find("axes");
  if (axes == nullptr)
    throw std::invalid_argument("a foreach over something unknown");
  each_of_axes out;
  for (const auto& axis : *axes)
    out.axes.emplace_back(text_from_json(axis.at(0)), values_from_json(axis.at(1)));
  in.list("exclude", out.exclude, [](const json& value) { return value_from_json(value); });
  in.list("include", out.include, [](const json& value) { return value_from_json(value); });
  return out;
}

json foreach_to_json(const foreach& x) {
  writer out;
  out.put("items", items_to_json(x.items));
  if (x.max_parallel != 0)
    out.put("max_parallel", x.max_parallel);
  out.flag("fail_fast", x.fail_fast, false);
  if (x.max_failures)
    out.put("max_failures", *x.max_failures);
  out.flag("allow_partial", x.allow_partial, false);
  if (x.reduce.with != reduction::collect)
    out.put("reduce", static_cast<int>(x.reduce.with));
  out.text("reduce_path", x.reduce.path);
  out.flag("smallest", x.reduce.smallest, false);
  return out.take();
}

spec::foreach foreach_from_json(const json& x) {
  const reader in{x};
  spec::foreach out;
  const auto* const items = in.find("items");
  if (items == nullptr)
    throw std::invalid_argument("a foreach without items");
  out.items = items_from_json(*items);
  in.get("max_parallel", out.max_parallel);
  in.get("fail_fast", out.fail_fast);
  if (const auto* const most = in.find("max_failures"))
    out.max_failures = most->get<std::uint32_t>();
  in.get("allow_partial", out.allow_partial);
  if (const auto* const with = in.find("reduce"))
    out.reduce.with = enum_from_json(*with, reduction::best);
  in.text("reduce_path", out.reduce.path);
  in.get("smallest", out.reduce.smallest);
  return out;
}

json repeat_to_json(const repeat& x) {
  writer out;
  out.text("until", x.until);
  out.put("max", x.max);
  out.list("carry", x.carry, [](const std::pair<std::string, template_value>& entry) {
    return json::array({text_to_json(entry.first), value_to_json(entry.second)});
  });
  return out.take();
}

repeat repeat_from_json(const json& x) {
  const reader in{x};
  repeat out;
  in.text("until", out.until);
  in.get("max", out.max);
  in.list("carry", out.carry, [](const json& entry) {
    return std::pair{text_from_json(entry.at(0)), value_from_json(entry.at(1))};
  });
  return out;
}

json retry_to_json(const retry& x) {
  writer out;
  out.put("max", x.max);
  if (x.backoff)
    out.put("backoff_us", x.backoff->count());
  out.list("codes", x.codes, code_range_to_json);
  out.list("statuses", x.statuses, text_to_json);
  return out.take();
}

retry retry_from_json(const json& x) {
  const reader in{x};
  retry out;
  in.get("max", out.max);
  if (const auto* const backoff = in.find("backoff_us"))
    out.backoff = duration{backoff->get<std::int64_t>()};
  in.list("codes", out.codes, code_range_from_json);
  in.list("statuses", out.statuses, text_from_json);
  return out;
}

// -- steps

json group_to_json(const group& x, const write_task& write) {
  writer out;
  out.put("name", text_to_json(x.name));
  out.flag("barrier", x.barrier, true);
  out.flag("ignoreNonleadStatus", x.ignore_nonlead_status, true);
  out.list("tasks", x.tasks, write);
  return out.take();
}

group group_from_json(const json& x) {
  const reader in{x};
  group out;
  in.text("name", out.name);
  in.get("barrier", out.barrier);
  in.get("ignoreNonleadStatus", out.ignore_nonlead_status);
  in.list("tasks", out.tasks, task_from_json);
  return out;
}

using named_scopes = std::vector<std::pair<std::string, scope_ptr>>;

json scopes_to_json(const named_scopes& x, const write_task& write) {
  auto out = json::array();
  for (const auto& [name, inner] : x)
    out.push_back(json::array({text_to_json(name), scope_to_json(*inner, write)}));
  return out;
}

void body_to_json(const step_body& x, const write_task& write, writer& out) {
  if (const auto* const gang = std::get_if<group>(&x)) {
    out.put("group", group_to_json(*gang, write));
  } else if (const auto* const inner = std::get_if<scope_ptr>(&x)) {
    out.put("workflow", scope_to_json(**inner, write));
  } else if (const auto* const branches = std::get_if<branches_body>(&x)) {
    out.put("branches", scopes_to_json(branches->branches, write));
  } else {
    const auto& choice = std::get<switch_body>(x);
    writer all;
    all.text("value", choice.value);
    all.put("cases", scopes_to_json(choice.cases, write));
    if (choice.otherwise)
      all.put("default", scope_to_json(*choice.otherwise, write));
    out.put("switch", all.take());
  }
}

json step_to_json(const step& x, const write_task& write) {
  writer out;
  out.put("name", text_to_json(x.name));
  body_to_json(x.body, write, out);
  out.list("after", x.after, [](const after& a) {
    return json::array({text_to_json(a.step), static_cast<int>(a.on)});
  });
  out.list("needs", x.needs, text_to_json);
  out.text("when", x.when);
  if (x.foreach)
    out.put("foreach", foreach_to_json(*x.foreach));
  if (x.repeat)
    out.put("repeat", repeat_to_json(*x.repeat));
  if (x.on_failure)
    out.put("on_failure", scope_to_json(*x.on_failure, write));
  if (x.retry)
    out.put("retry", retry_to_json(*x.retry));
  if (x.timeout)
    out.put("timeout_us", x.timeout->count());
  if (x.cache)
    out.put("cache", text_to_json(*x.cache));
  return out.take();
}

scope_ptr scope_from_json(const json& x, std::size_t depth);

named_scopes scopes_from_json(const json& x, std::size_t depth) {
  named_scopes out;
  for (const auto& entry : x.get_ref<const json::array_t&>())
    out.emplace_back(text_from_json(entry.at(0)), scope_from_json(entry.at(1), depth));
  return out;
}

step_body body_from_json(const reader& in, std::size_t depth) {
  if (const auto* const gang = in.find("group"))
    return group_from_json(*gang);
  if (const auto* const inner = in.find("workflow"))
    return scope_from_json(*inner, depth);
  if (const auto* const branches = in.find("branches"))
    return branches_body{scopes_from_json(*branches, depth)};
  const auto* const choice = in.find("switch");
  if (choice == nullptr)
    throw std::invalid_argument("a step without a body");
  const reader all{*choice};
  switch_body out;
  all.text("value", out.value);
  out.cases = scopes_from_json(choice->at("cases"), depth);
  if (const auto* const otherwise = all.find("default"))
    out.otherwise = scope_from_json(*otherwise, depth);
  return out;
}

step step_from_json(const json& x, std::size_t depth) {
  const reader in{x};
  step out;
  in.text("name", out.name);
  out.body = body_from_json(in, depth);
  in.list("after", out.after, [](const json& entry) {
    after a{text_from_json(entry.at(0)), enum_from_json(entry.at(1), after_on::always)};
    if (static_cast<int>(a.on) == 0)
      throw std::invalid_argument("an `after` on nothing");
    return a;
  });
  in.list("needs", out.needs, text_from_json);
  in.text("when", out.when);
  if (const auto* const fan = in.find("foreach"))
    out.foreach = foreach_from_json(*fan);
  if (const auto* const loop = in.find("repeat"))
    out.repeat = repeat_from_json(*loop);
  if (const auto* const handler = in.find("on_failure"))
    out.on_failure = scope_from_json(*handler, depth);
  if (const auto* const again = in.find("retry"))
    out.retry = retry_from_json(*again);
  if (const auto* const time = in.find("timeout_us"))
    out.timeout = duration{time->get<std::int64_t>()};
  if (const auto* const cache = in.find("cache"))
    out.cache = text_from_json(*cache);
  return out;
}

scope_ptr scope_from_json(const json& x, std::size_t depth) {
  if (depth >= deepest_scope)
    throw std::invalid_argument("workflows are nested too deeply");
  const reader in{x};
  auto out = std::make_shared<scope>();
  in.list("parameters", out->parameters, parameter_from_json);
  in.list("steps", out->steps, [depth](const json& entry) { return step_from_json(entry, depth + 1); });
  in.text("result", out->result);
  return out;
}

} // namespace

json scope_to_json(const scope& x, const write_task& write) {
  writer out;
  out.list("parameters", x.parameters, parameter_to_json);
  out.list("steps", x.steps, [&](const step& s) { return step_to_json(s, write); });
  out.text("result", x.result);
  return out.take();
}

} // namespace codec

std::string encode(const scope& x) {
  return codec::scope_to_json(x, codec::task_to_json).dump();
}

result<scope_ptr> decode_scope(std::string_view text) {
  try {
    return codec::scope_from_json(codec::json::parse(text), 0);
  } catch (const std::exception& problem) {
    return {ec::store_corrupt, std::string{"the stored workflow cannot be read: "} + problem.what()};
  }
}

std::string encode(const std::map<std::string, resource>& x) {
  auto out = codec::json::array();
  for (const auto& [name, needs] : x)
    out.push_back(codec::json::array({codec::text_to_json(name), codec::resource_to_json(needs)}));
  return out.dump();
}

result<std::map<std::string, resource>> decode_resources(std::string_view text) {
  try {
    std::map<std::string, resource> out;
    const auto whole = codec::json::parse(text);
    for (const auto& entry : whole.get_ref<const codec::json::array_t&>())
      out.emplace(codec::text_from_json(entry.at(0)), codec::resource_from_json(entry.at(1)));
    return out;
  } catch (const std::exception& problem) {
    return {ec::store_corrupt, std::string{"the stored resources cannot be read: "} + problem.what()};
  }
}

} // namespace muster::spec
