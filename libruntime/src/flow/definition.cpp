#include "muster/flow/definition.hpp"

#include "muster/spec/codec.hpp"
#include "muster/spec/flow_codec.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace muster::flow {

namespace {

using nlohmann::json;

error damaged(const std::string& what) {
  return {ec::store_corrupt, "the stored definition of the workflow is damaged: " + what};
}

} // namespace

std::string encode_definition(const spec::workflow& x) {
  auto resources = json::object();
  for (const auto& [name, resource] : x.resources)
    resources[name] = spec::encode(resource);
  return json{{"scope", spec::encode(*x.flow)}, {"resources", std::move(resources)}}.dump();
}

result<spec::workflow> decode_definition(std::string_view text, const plan_header& header) {
  const auto whole = json::parse(text, nullptr, false);
  if (!whole.is_object() || !whole.contains("scope") || !whole["scope"].is_string() || !whole.contains("resources") ||
      !whole["resources"].is_object())
    return damaged("not as Muster writes it");
  spec::workflow out;
  out.name = header.name;
  out.labels = header.labels;
  out.pool = header.pool;
  out.timeout = header.timeout;
  for (const auto& [name, resource] : whole["resources"].items()) {
    if (!resource.is_string())
      return damaged("resource " + name);
    auto decoded = spec::decode_resource(resource.get_ref<const std::string&>());
    if (!decoded)
      return damaged(decoded.failure().message);
    out.resources.emplace(name, std::move(*decoded));
  }
  auto scope = spec::decode_scope(whole["scope"].get_ref<const std::string&>());
  if (!scope)
    return damaged(scope.failure().message);
  out.flow = std::move(*scope);
  return out;
}

} // namespace muster::flow
