#include "support/catch.hpp"

#include "unit/flow/world.hpp"

#include "muster/flow/definition.hpp"
#include "muster/spec/flow_codec.hpp"

using namespace muster;
using namespace muster::test;

namespace {

/// Something in every field.
spec::scope_ptr full() {
  auto a = task_step("a");
  a.foreach = range(-3, 9);
  a.foreach->max_parallel = 7;
  a.foreach->fail_fast = true;
  a.foreach->max_failures = 0;
  a.foreach->allow_partial = true;
  a.foreach->reduce = {spec::reduction::best, "x.y", true};
  a.when = "item > 3";
  a.retry = spec::retry{3, std::chrono::seconds{5}, {{1, 2}, {7, 7}}, {"FAILED_EVICTED"}};
  a.timeout = std::chrono::minutes{2};
  a.cache = "";
  auto b = task_step("b", {"a"});
  b.after = {{"a", spec::after_on::always}};
  b.repeat = spec::repeat{"result.done", 5, {{"n", json("[1,{\"z\":1,\"a\":null}]")}}};
  b.on_failure = scope_of({task_step("on_failure")});
  auto axes = task_step("axes");
  axes.foreach = spec::foreach{};
  axes.foreach->items = spec::each_of_axes{
      {{"z", json("[1,2]").items()}, {"a", json("[\"x\"]").items()}}, {json("{\"z\":1}")}, {json("{\"z\":0.5}")}};
  spec::step route;
  route.name = "route";
  route.body = spec::switch_body{"results.a", {{"yes", scope_of({a})}, {"no", scope_of({})}}, scope_of({b})};
  spec::step branches;
  branches.name = "branches";
  branches.body = spec::branches_body{{{"z", scope_of({axes})}, {"a", scope_of({})}}};
  spec::scope nested;
  nested.parameters = {{"p", spec::parameter_type::list, json("[true]"), "what it is"}};
  nested.steps = {a, b};
  nested.result = "results.b";
  auto whole = std::make_shared<spec::scope>();
  whole->parameters = nested.parameters;
  whole->steps = {a, b, axes, route, branches, workflow_step("nested", nested)};
  return whole;
}

} // namespace

TEST_CASE("a flow is read back from its JSON as it was") {
  const auto text = spec::encode(*full());
  const auto back = spec::decode_scope(text);
  REQUIRE(back);
  CHECK(spec::encode(**back) == text);
}

TEST_CASE("damaged JSON of a flow is an error, whatever is damaged") {
  const auto text = spec::encode(*full());
  for (std::size_t i = 0; i < text.size(); i += 7) {
    auto broken = text;
    broken[i] = '#';
    const auto back = spec::decode_scope(broken);
    CHECK((back || back.failure().code == ec::store_corrupt));
  }
  CHECK(spec::decode_scope("[]").failure().code == ec::store_corrupt);
}

TEST_CASE("a definition brings its resources along") {
  spec::workflow x;
  x.flow = full();
  x.resources["default"].cpu = 3;
  const auto back = flow::decode_definition(flow::encode_definition(x), {"name", {}, "pool", {}});
  REQUIRE(back);
  CHECK(back->resources.at("default").cpu == 3);
  CHECK(back->name == "name");
  CHECK(spec::encode(*back->flow) == spec::encode(*x.flow));
}
