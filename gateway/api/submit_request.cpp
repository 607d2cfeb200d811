#include "gateway/api/submit_request.hpp"

#include "gateway/api/body.hpp"
#include "gateway/api/multipart.hpp"
#include "gateway/api/query.hpp"
#include "muster/spec/labels.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

/// Of `set`, `set_string` and `set_env`, each.
constexpr std::size_t most_values = 1000;

result<spec::profile> profile_named(const std::string& name) {
  if (name.empty() || name == "muster")
    return spec::profile::muster;
  if (name == "osmo")
    return spec::profile::osmo;
  return {ec::invalid_argument, "'profile': expected muster or osmo, found '" + name.substr(0, 80) + "'"};
}

result<gang_priority> priority_named(const std::string& name) {
  if (name.empty())
    return gang_priority::normal;
  if (const auto known = parse_priority(name))
    return *known;
  return {ec::invalid_argument, "'priority': expected HIGH, NORMAL or LOW, found '" + name.substr(0, 80) + "'"};
}

/// All of them, or the first that failed.
template <class... Results>
result<void> all_of(const Results&... all) {
  result<void> out;
  const auto look = [&out](const auto& one) {
    if (out && !one)
      out = one.failure();
  };
  (look(all), ...);
  return out;
}

result<void> check_pairs(const char* name, const std::vector<std::string>& pairs) {
  if (pairs.size() > most_values)
    return {ec::limit_exceeded, "'" + std::string{name} + "' is given " + std::to_string(pairs.size()) +
                                    " times, at most " + std::to_string(most_values) + " are taken"};
  for (const auto& x : pairs)
    if (x.find('=') == std::string::npos || x.front() == '=')
      return {ec::invalid_argument,
              "'" + std::string{name} + "': expected NAME=VALUE, found '" + x.substr(0, 80) + "'"};
  return {};
}

result<void> check(const submit_request& x) {
  if (x.spec.empty())
    return {ec::invalid_argument, "the spec is empty"};
  for (const auto& [key, value] : x.labels) {
    if (auto good = spec::check_label_key(key); !good)
      return {ec::invalid_argument, "'labels': " + good.failure().message};
    if (auto good = spec::check_label_value(value); !good)
      return {ec::invalid_argument, "'labels': " + key + ": " + good.failure().message};
  }
  return all_of(check_pairs("set", x.set), check_pairs("set_string", x.set_string), check_pairs("set_env", x.set_env));
}

result<submit_request> from_query(const http::request& x) {
  submit_request out;
  query_reader query{x};
  const auto profile = query.text("profile");
  const auto pool = query.text("pool");
  const auto dry = query.flag("dry_run");
  const auto no_cache = query.flag("no_cache");
  const auto priority = query.text("priority");
  out.set = query.texts("set");
  out.set_string = query.texts("set_string");
  out.set_env = query.texts("set_env");
  if (auto good = all_of(profile, pool, dry, no_cache, priority, query.finish()); !good)
    return good.failure();
  const auto which = profile_named(profile->value_or(""));
  if (!which)
    return which.failure();
  const auto urgency = priority_named(priority->value_or(""));
  if (!urgency)
    return urgency.failure();
  out.priority = *urgency;
  out.profile = *which;
  out.pool = pool->value_or("");
  out.dry_run = *dry;
  out.no_cache = *no_cache;
  out.spec = x.body;
  return out;
}

/// The members of `SubmitOptions`.
result<void> take_options(const json& x, submit_request& into) {
  constexpr std::size_t most_labels = spec::most_labels;
  std::string profile;
  std::string priority;
  if (auto good =
          all_of(take_text(x, "profile", profile), take_text(x, "priority", priority), take_text(x, "pool", into.pool),
                 take_texts(x, "set", into.set, most_values), take_texts(x, "set_string", into.set_string, most_values),
                 take_texts(x, "set_env", into.set_env, most_values), take_map(x, "labels", into.labels, most_labels),
                 take_flag(x, "dry_run", into.dry_run), take_flag(x, "no_cache", into.no_cache));
      !good)
    return good;
  const auto which = profile_named(profile);
  if (!which)
    return which.failure();
  into.profile = *which;
  const auto urgency = priority_named(priority);
  if (!urgency)
    return urgency.failure();
  into.priority = *urgency;
  if (const auto found = x.find("parameters"); found != x.end() && !found->is_null()) {
    if (!found->is_object())
      return {ec::invalid_argument, std::string{"'parameters': expected an object, found "} + found->type_name()};
    into.parameters = found->dump();
  }
  return {};
}

const std::vector<std::string_view>& option_names() {
  static const std::vector<std::string_view> names{"profile", "pool",       "set",     "set_string", "set_env",
                                                   "labels",  "parameters", "dry_run", "no_cache",   "priority"};
  return names;
}

result<submit_request> from_json(const http::request& x) {
  auto known = option_names();
  known.emplace_back("spec");
  const auto body = json_body(x, known);
  if (!body)
    return body.failure();
  if (auto none = query_reader{x}.finish(); !none)
    return none.failure();
  submit_request out;
  if (auto taken = take_options(*body, out); !taken)
    return taken.failure();
  if (auto taken = take_text(*body, "spec", out.spec); !taken)
    return taken.failure();
  return out;
}

result<submit_request> from_form(const http::request& x) {
  if (auto none = query_reader{x}.finish(); !none)
    return none.failure();
  auto parts = parse_multipart(x.header("Content-Type").value_or(""), x.body);
  if (!parts)
    return parts.failure();
  submit_request out;
  bool has_spec = false;
  bool has_options = false;
  for (auto& part : *parts) {
    const bool again = part.name == "spec"      ? std::exchange(has_spec, true)
                       : part.name == "options" ? std::exchange(has_options, true)
                                                : out.files.count(part.name) > 0;
    if (again)
      return {ec::invalid_argument, "the form has the part '" + part.name.substr(0, 80) + "' twice"};
    if (part.name == "spec") {
      out.spec = std::move(part.body);
    } else if (part.name == "options") {
      const auto options = parse_json(part.body);
      if (!options)
        return {options.failure().code, "the part 'options': " + options.failure().message};
      if (auto good = check_members(*options, option_names(), "the part 'options'"); !good)
        return good.failure();
      if (auto taken = take_options(*options, out); !taken)
        return taken.failure();
    } else {
      out.files.emplace(std::move(part.name), std::move(part.body));
    }
  }
  if (!has_spec)
    return {ec::invalid_argument, "the form has no part 'spec'"};
  return out;
}

result<submit_request> from_body(const http::request& x) {
  const auto type = media_type(x);
  if (type == "multipart/form-data")
    return from_form(x);
  if (type == "application/json")
    return from_json(x);
  return from_query(x);
}

} // namespace

result<submit_request> read_submit_request(const http::request& x) {
  auto out = from_body(x);
  if (!out)
    return out;
  if (auto good = check(*out); !good)
    return good.failure();
  return out;
}

spec::load_outcome load_spec(const submit_request& x) {
  spec::load_options options;
  options.profile = x.profile;
  options.set = x.set;
  options.set_string = x.set_string;
  options.set_env = x.set_env;
  options.read_local_files = false;
  options.local_files = x.files;
  options.base_dir.clear();
  if (!x.parameters.empty()) {
    options.parameters_file = "parameters";
    options.parameters_text = x.parameters;
  }
  auto out = spec::load(x.spec, options);
  if (out.workflow) {
    for (const auto& [key, value] : x.labels)
      out.workflow->labels.insert_or_assign(key, value);
    if (!x.pool.empty())
      out.workflow->pool = x.pool;
  }
  return out;
}

std::string options_of(const submit_request& x) {
  json out{{"profile", to_string(x.profile)}};
  if (!x.pool.empty())
    out["pool"] = x.pool;
  for (const auto& [name, list] : {std::pair{"set", &x.set}, {"set_string", &x.set_string}, {"set_env", &x.set_env}})
    if (!list->empty())
      out[name] = *list;
  if (!x.parameters.empty())
    out["parameters"] = json::parse(x.parameters, nullptr, false);
  if (!x.labels.empty())
    out["labels"] = x.labels;
  if (x.no_cache)
    out["no_cache"] = true;
  if (x.priority != gang_priority::normal)
    out["priority"] = to_string(x.priority);
  if (!x.files.empty()) {
    auto names = json::array();
    for (const auto& [name, text] : x.files)
      names.push_back(name);
    out["files"] = std::move(names);
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace muster::gateway
