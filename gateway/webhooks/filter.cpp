#include "gateway/webhooks/filter.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

using json = nlohmann::ordered_json;

std::string to_text(const webhook_filter& x) {
  auto out = to_public_json(x);
  for (const auto key : x.keys)
    out["keys"].push_back(key.value);
  return out.dump();
}

json to_public_json(const webhook_filter& x) {
  auto out = json::object();
  if (!x.types.empty())
    out["types"] = x.types;
  if (!x.workflows.empty())
    out["workflows"] = x.workflows;
  return out;
}

webhook_filter webhook_filter_from(const std::string& text) {
  webhook_filter out;
  const auto parsed = json::parse(text, nullptr, false);
  const auto nothing = [] {
    webhook_filter x;
    x.workflows = {"?"};
    x.keys = {workflow_key{-1}};
    return x;
  };
  if (!parsed.is_object())
    return nothing();
  for (const auto& [name, list] : parsed.items()) {
    if (!list.is_array())
      return nothing();
    for (const auto& x : list)
      if (name == "types" && x.is_string())
        out.types.push_back(x.get<std::string>());
      else if (name == "workflows" && x.is_string())
        out.workflows.push_back(x.get<std::string>());
      else if (name == "keys" && x.is_number_integer())
        out.keys.push_back({x.get<std::int64_t>()});
      else
        return nothing();
  }
  return out;
}

event_filter filter_of(const store::webhook_record& x) {
  const auto stored = webhook_filter_from(x.filter);
  event_filter out;
  if (!x.sees_all)
    out.user = x.user;
  out.workflows = stored.keys;
  if (!set_types(out, stored.types))
    out.workflows = {workflow_key{-1}}; // Of a later Muster.
  return out;
}

} // namespace muster::gateway
