#include "api_fixture.hpp"

#include "gateway/api/openapi.hpp"
#include "support/api_contract.hpp"
#include "support/catch.hpp"
#include "support/json_schema.hpp"

#include <algorithm>
#include <set>

using namespace muster;
using namespace muster::test;

TEST_CASE("every route is described, and everything described is there") {
  const api_fixture api;
  std::vector<std::string> routes;
  for (const auto& x : api.routes().routes())
    routes.push_back(openapi_path(x));
  std::sort(routes.begin(), routes.end());
  const auto described = api_contract::instance().operations();
  for (const auto& x : routes) {
    INFO(x << " is not in docs/openapi.yaml");
    CHECK(std::binary_search(described.begin(), described.end(), x));
  }
  for (const auto& x : described) {
    INFO(x << " is in docs/openapi.yaml alone");
    CHECK(std::binary_search(routes.begin(), routes.end(), x));
  }
}

TEST_CASE("the program serves the description that it is held to") {
  const api_fixture api;
  const auto served = api.get("/v1/openapi.json");
  REQUIRE(served.status == 200);
  CHECK(served.body == api_contract::instance().document());
  CHECK(served.body["openapi"] == "3.1.0");
}

TEST_CASE("parameters and operations of the description are sound") {
  const auto& document = api_contract::instance().document();
  const json_schema schema{document};
  std::set<std::string> ids;
  for (const auto& [path, item] : document.at("paths").items())
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters")
        continue;
      INFO(method << ' ' << path);
      CHECK(ids.insert(operation.at("operationId").get<std::string>()).second);
      CHECK(operation.contains("summary"));
      CHECK(operation.at("tags").size() == 1);
      CHECK(operation.at("responses").contains("default"));
      std::set<std::string> in_path;
      for (const auto* list : {&item, &operation})
        for (const auto& one : list->value("parameters", json::array()))
          if (const auto& parameter = schema.resolve(one); parameter.at("in") == "path")
            in_path.insert(parameter.at("name").get<std::string>());
      std::set<std::string> in_pattern;
      for (auto at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1))
        in_pattern.insert(path.substr(at + 1, path.find('}', at) - at - 1));
      CHECK(in_path == in_pattern);
    }
}

TEST_CASE("every query parameter that is described is known, and takes what it is described to take") {
  const api_fixture api;
  (void)api.run(spec_of("w"));
  const auto& document = api_contract::instance().document();
  const json_schema schema{document};
  for (const auto& [path, item] : document.at("paths").items()) {
    if (!item.contains("get") || path == "/v1/events")
      continue;
    auto target = path;
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{"webhooks/{id}", "webhooks/none"},
                                                          {"{id}", "w-1"},
                                                          {"{task}", "t0"},
                                                          {"{group}", "t0-group"},
                                                          {"{attempt}", "0"},
                                                          {"{pool}", "local"}})
      if (const auto at = target.find(name); at != std::string::npos)
        target.replace(at, name.size(), value);
    for (const auto& one : item["get"].value("parameters", json::array())) {
      const auto& parameter = schema.resolve(one);
      const auto name = parameter.at("name").get<std::string>();
      if (parameter.at("in") != "query" || name == "cursor" || name == "step")
        continue;
      const auto& form = parameter.at("schema");
      const auto type = form.at("type").get<std::string>();
      const std::string value = name == "status"        ? "RUNNING"
                                : type == "integer"     ? std::to_string(form.value("minimum", 1))
                                : type == "boolean"     ? "true"
                                : form.contains("enum") ? form["enum"][0].get<std::string>()
                                                        : "x";
      const auto got = api.get(target + "?" + name + "=" + value);
      INFO(target << ' ' << name << ' ' << got.text);
      CHECK((got.status == 200 || got.status == 404));
    }
  }
}

TEST_CASE("the test of schemas sees what is wrong") {
  const json document{{"defs", {{"text", {{"type", "string"}}}}}};
  const json_schema schema{document};
  const json object{{"type", "object"}, {"required", {"a"}}, {"properties", {{"a", {{"$ref", "#/defs/text"}}}}}};
  CHECK(schema.check({{"a", "x"}}, object).empty());
  CHECK(schema.check({{"a", 1}}, object).size() == 1);
  CHECK(schema.check(json::object(), object).size() == 1);
  CHECK(schema.check({{"a", "x"}, {"b", 1}}, object).size() == 1);
  CHECK(schema.check(json::array(), object).size() == 1);
  CHECK(schema.check(nullptr, object).size() == 1);
  CHECK(schema.check(json::array({1, "x"}), {{"type", "array"}, {"items", {{"type", "integer"}}}}).size() == 1);
  CHECK(schema.check(7, {{"oneOf", {{{"type", "integer"}}, {{"type", "number"}}}}}).size() == 1);
  CHECK(schema.check("x", {{"pattern", "^y$"}}).size() == 1);
  CHECK(schema.check(-1, {{"minimum", 0}}).size() == 1);
  CHECK(schema.check("x", {{"enum", {"y"}}}).size() == 1);
  CHECK(schema.check("x", {{"const", "y"}}).size() == 1);
  CHECK(schema.check(1, {{"frobnicate", 1}}).size() == 1);
  const json both{{"allOf", {object, {{"type", "object"}, {"properties", {{"b", {{"type", "integer"}}}}}}}}};
  CHECK(schema.check({{"a", "x"}, {"b", 1}}, both).empty());
  CHECK(schema.check({{"a", "x"}, {"c", 1}}, both).size() == 1);
}
