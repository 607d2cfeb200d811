#include "support/catch.hpp"

#include "unit/flow/world.hpp"

#include <algorithm>

using namespace muster;
using namespace muster::test;

namespace {

using names = std::vector<std::string>;
using outcome = flow_world::outcome;

spec::step with(spec::step x, const std::function<void(spec::step&)>& change) {
  change(x);
  return x;
}

spec::task& task_of(spec::step& x) {
  return std::get<spec::group>(x.body).tasks.front();
}

std::string result_of_step(const flow_world& world, const std::string& consumer, const std::string& name) {
  for (const auto& [step, text] : world.values.at(consumer).results)
    if (step == name)
      return *text;
  return "none";
}

} // namespace

TEST_CASE("steps begin when what they need has completed") {
  flow_world world{scope_of({task_step("c", {"a", "b"}), task_step("a"), task_step("b"), task_step("d", {"c"})})};
  world.run();
  CHECK(world.begun == names{"a", "b", "c", "d"});
  CHECK(world.machine.done());
  CHECK(world.machine.status() == status::completed);
}

TEST_CASE("a failed step takes along what needs it, at once, with the reason") {
  flow_world world{scope_of({task_step("a"), task_step("b", {"a"}), task_step("c", {"b"}), task_step("d")}),
                   [](const auto& gang, auto&) {
                     return outcome{gang.tasks.front() == "a" ? status::failed : status::completed, ""};
                   }};
  world.run();
  CHECK(world.begun == names{"a", "d"});
  CHECK(world.ends["b"] == status::failed_upstream);
  CHECK(world.reasons["b"] == "upstream a is FAILED");
  CHECK(world.reasons["c"] == "upstream b is FAILED_UPSTREAM");
  CHECK(world.machine.status() == status::failed);
  const auto seen = world.machine.view();
  const auto a = std::find_if(seen.begin(), seen.end(), [](const auto& x) { return x.path == "a"; });
  REQUIRE(a != seen.end());
  CHECK(a->reason == "a is FAILED"); // Not its group, which nobody has named.
}

TEST_CASE("after orders without data, by how the other ended") {
  const auto after = [](spec::after_on on) { return [on](spec::step& x) { x.after.push_back({"a", on}); }; };
  const auto steps = [&] {
    return scope_of({task_step("a"), with(task_step("ok"), after(spec::after_on::success)),
                     with(task_step("rescue"), after(spec::after_on::failure)),
                     with(task_step("clean"), after(spec::after_on::always))});
  };
  SECTION("success") {
    flow_world world{steps()};
    world.run();
    CHECK(world.begun == names{"a", "ok", "clean"});
    CHECK(world.ends["rescue"] == status::skipped);
    CHECK(world.reasons["rescue"] == "it runs only if a fails, which is COMPLETED");
    CHECK(world.machine.status() == status::completed);
  }
  SECTION("failure") {
    flow_world world{steps(), [](const auto& gang, auto&) {
                       return outcome{gang.tasks.front() == "a" ? status::failed : status::completed, ""};
                     }};
    world.run();
    CHECK(world.begun == names{"a", "rescue", "clean"});
    CHECK(world.ends["ok"] == status::failed_upstream);
    CHECK(world.machine.status() == status::failed);
  }
}

TEST_CASE("a condition that does not hold skips the step and what needs it, unless that may be") {
  auto source = std::make_shared<spec::scope>();
  source->parameters = {{"mode", spec::parameter_type::string, "fast", ""}};
  source->steps = {with(task_step("slow"), [](auto& x) { x.when = "parameters.mode == 'full'"; }),
                   task_step("next", {"slow"}), with(task_step("join"), [](auto& x) {
                     x.after.push_back({"slow", spec::after_on::success_or_skipped});
                   })};
  flow_world world{source};
  world.run();
  CHECK(world.begun == names{"join"});
  CHECK(world.ends["slow"] == status::skipped);
  CHECK(world.ends["next"] == status::skipped);
  CHECK(world.machine.status() == status::completed);
}

TEST_CASE("a condition over a result is evaluated when that is there, and a broken one fails the step alone") {
  flow_world world{scope_of({task_step("a"), with(task_step("b", {"a"}), [](auto& x) { x.when = "results.a.n > 3"; }),
                             with(task_step("c", {"a"}), [](auto& x) { x.when = "results.a.missing > 3"; })}),
                   [](const auto&, auto&) {
                     return outcome{status::completed, R"({"n":4})"};
                   }};
  world.run();
  CHECK(world.ends["b"] == status::completed);
  CHECK(world.ends["c"] == status::failed);
  CHECK_THAT(world.reasons["c"], ContainsSubstring("results.a.missing"));
}

TEST_CASE("foreach makes one task per item, and the fan-in sees results in the order of the items") {
  auto each = task_step("train");
  each.foreach = range(3, 7);
  task_of(each).command = {"sh", "-c", "echo {{item}} {{ index }}"};
  flow_world world{scope_of({each, task_step("merge", {"train"})}), [](const auto& gang, const auto& values) {
                     return outcome{status::completed, gang.tasks.front() == "merge" ? "" : values.tokens.at("item")};
                   }};
  world.run(1000, GENERATE(0U, 1U, 2U));
  CHECK(world.begun == names{"train.0", "train.1", "train.2", "train.3", "train.4", "merge"});
  CHECK(world.values["train.2"].tokens.at("item") == "5");
  CHECK(world.values["train.2"].tokens.at("index") == "2");
  CHECK(result_of_step(world, "merge", "train") == "[3,4,5,6,7]");
  const auto& input = world.values["merge"].inputs.at(0).at(0);
  REQUIRE(input.parts.size() == 5);
  CHECK(input.parts[4] == std::pair<std::string, std::string>{"4", "train.4"});
}

TEST_CASE("max_parallel bounds what runs at once") {
  auto each = task_step("train");
  each.foreach = range(1, 50);
  each.foreach->max_parallel = 3;
  flow_world world{scope_of({each})};
  world.run(1000, 7);
  CHECK(world.begun.size() == 50);
  CHECK(world.most_at_once == 3);
}

TEST_CASE("duplicates, nested lists, dotted values and the empty list are fine: elements are known by their index") {
  auto each = task_step("t");
  each.foreach = spec::foreach{};
  task_of(each).args = {"{{item}}"};
  each.foreach->items = spec::each_of_list{json(R"(["a","a",0.5,[1,[2]],{"k":"v"},null,true])").items()};
  auto empty = task_step("none");
  empty.foreach = spec::foreach{};
  empty.foreach->items = spec::each_of_list{};
  flow_world world{scope_of({each, empty, task_step("end", {"t", "none"})})};
  world.run();
  CHECK(world.begun.size() == 8);
  std::vector<std::string> items;
  for (int i = 0; i < 7; ++i)
    items.push_back(world.values["t." + std::to_string(i)].tokens.at("item"));
  CHECK(items == names{"a", "a", "0.5", "[1,[2]]", R"({"k":"v"})", "null", "true"});
  CHECK(result_of_step(world, "end", "none") == "[]");
}

TEST_CASE("axes turn fastest at the end, and exclude and include change the set") {
  auto each = task_step("t");
  each.foreach = spec::foreach{};
  task_of(each).args = {"{{item.lr}}/{{item.b}}"};
  spec::each_of_axes axes;
  axes.axes = {{"lr", json("[1,2]").items()}, {"b", json("[10,20]").items()}};
  axes.exclude = {json(R"({"lr":1,"b":20})")};
  axes.include = {json(R"({"lr":9,"b":9})")};
  each.foreach->items = axes;
  flow_world world{scope_of({each})};
  world.run();
  std::vector<std::string> seen;
  for (const auto& name : world.begun)
    seen.push_back(world.values[name].tokens.at("item.lr") + "/" + world.values[name].tokens.at("item.b"));
  CHECK(seen == names{"1/10", "2/10", "2/20", "9/9"});
}

TEST_CASE("foreach over a result is decided at run time") {
  auto each = task_step("work", {"split"});
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_result{"split.chunks"};
  task_of(each).args = {"{{item.from}}"};
  const auto decide = [](std::string result) {
    return [result](const auto& gang, auto&) {
      return outcome{status::completed, gang.tasks.front() == "split" ? result : ""};
    };
  };
  SECTION("a list") {
    flow_world world{scope_of({task_step("split"), each}), decide(R"({"chunks":[{"from":0},{"from":100}]})")};
    world.run();
    CHECK(world.begun == names{"split", "work.0", "work.1"});
    CHECK(world.values["work.1"].tokens.at("item.from") == "100");
  }
  SECTION("no list") {
    flow_world world{scope_of({task_step("split"), each}), decide(R"({"chunks":7})")};
    world.run();
    CHECK(world.machine.done());
    CHECK(world.ends["work"] == status::failed);
    CHECK_THAT(world.reasons["work"], ContainsSubstring("needs a list"));
  }
  SECTION("no result") {
    flow_world world{scope_of({task_step("split"), each}), decide("")};
    world.run();
    CHECK(world.machine.done());
    CHECK_THAT(world.reasons["work"], ContainsSubstring("$MUSTER_RESULT"));
  }
}

TEST_CASE("each: an element waits only for its counterpart") {
  auto one = task_step("one");
  one.foreach = range(0, 3);
  auto two = task_step("two", {"one"});
  two.foreach = spec::foreach{};
  two.foreach->items = spec::each_of_step{"one"};
  task_of(two).args = {"{{item}}"};
  auto three = task_step("three", {"two"});
  three.foreach = spec::foreach{};
  three.foreach->items = spec::each_of_step{"two"};
  task_of(three).args = {"{{item}} {{result:one}}"};
  flow_world world{scope_of({one, two, three, task_step("end", {"three"})}), [](const auto& gang, auto&) {
                     if (gang.tasks.front() == "one.2")
                       return outcome{status::failed, ""};
                     return outcome{status::completed, "\"r-" + gang.tasks.front() + "\""};
                   }};
  world.run(2, 0);
  // one.0 is followed by its successor before one.3 has begun.
  const auto place = [&](const std::string& x) {
    return std::find(world.begun.begin(), world.begun.end(), x) - world.begun.begin();
  };
  CHECK(place("two.0") < place("one.3"));
  CHECK(world.values["three.1"].tokens.at("item") == "r-two.1");
  CHECK(world.values["three.1"].tokens.at("result:one") == "r-one.1");
  CHECK(world.values["two.1"].inputs.at(0).at(0).task == "one.1");
  CHECK(world.begun.size() == 4 + 3 + 3);
  CHECK(world.ends["end"] == status::failed_upstream);
  CHECK(world.machine.done());
}

TEST_CASE("failures of elements: all run, fail fast, some borne, partial") {
  auto each = task_step("t");
  each.foreach = range(0, 9);
  const auto run = [&](std::size_t window) {
    flow_world world{scope_of({each, task_step("end", {"t"})}), [](const auto& gang, auto&) {
                       const auto& name = gang.tasks.front();
                       return outcome{name == "t.2" || name == "t.5" ? status::failed : status::completed, "1"};
                     }};
    world.run(window);
    CHECK(world.machine.done());
    return world;
  };
  SECTION("all run") {
    auto world = run(2);
    CHECK(world.begun.size() == 10);
    CHECK(world.ends["end"] == status::failed_upstream);
    CHECK(world.machine.status() == status::failed);
  }
  SECTION("fail fast") {
    each.foreach->fail_fast = true;
    auto world = run(2);
    CHECK(world.begun.size() == 4);
    CHECK(world.ends["t.3"] == status::failed_canceled);
    CHECK(world.ends["end"] == status::failed_upstream);
  }
  SECTION("two are borne") {
    each.foreach->max_failures = 2;
    auto world = run(2);
    CHECK(world.begun.size() == 11);
    CHECK(world.ends["end"] == status::completed);
    CHECK(result_of_step(world, "end", "t") == "[1,1,null,1,1,null,1,1,1,1]");
    CHECK(world.values["end"].inputs.at(0).at(0).parts.size() == 8);
  }
  SECTION("one is borne") {
    each.foreach->max_failures = 1;
    auto world = run(1);
    CHECK(world.begun.size() == 6);
    CHECK(world.ends["end"] == status::failed_upstream);
  }
  SECTION("partial") {
    each.foreach->allow_partial = true;
    auto world = run(2);
    CHECK(world.ends["end"] == status::completed);
    CHECK(world.machine.status() == status::completed);
  }
}

TEST_CASE("reductions of a foreach") {
  auto each = task_step("t");
  each.foreach = range(1, 4);
  const auto reduced = [&](spec::reduce how, const std::string& prefix, const std::string& suffix) {
    each.foreach->reduce = std::move(how);
    flow_world world{scope_of({each, task_step("end", {"t"})}), [&](const auto& gang, auto&) {
                       const auto n = gang.tasks.front().substr(2);
                       return outcome{status::completed, prefix + n + suffix};
                     }};
    world.run();
    return world.machine.status() == status::completed ? result_of_step(world, "end", "t") : world.reasons["t"];
  };
  CHECK(reduced({spec::reduction::sum, "", false}, "", "") == "6");
  CHECK(reduced({spec::reduction::mean, "", false}, "", "") == "1.5");
  CHECK(reduced({spec::reduction::min, "x", false}, R"({"x":1)", "}") == "10");
  CHECK(reduced({spec::reduction::max, "", false}, R"({"x":1)", R"(,"y":2})") == R"({"x":13,"y":2})");
  CHECK(reduced({spec::reduction::best, "x", false}, R"({"n":)", R"(,"x":5})") == R"({"n":0,"x":5})");
  CHECK(reduced({spec::reduction::best, "n", false}, R"({"n":)", "}") == R"({"n":3})");
  CHECK(reduced({spec::reduction::best, "n", true}, R"({"n":)", "}") == R"({"n":0})");
  CHECK_THAT(reduced({spec::reduction::sum, "", false}, "\"", "\""), ContainsSubstring("element 0 is '0'"));
}

TEST_CASE("workflows nest to any depth, foreach in foreach, and names are dotted paths") {
  spec::scope inner;
  auto leaf = task_step("leaf");
  leaf.foreach = range(0, 2);
  task_of(leaf).args = {"{{item}} {{parameter:outer}}"};
  inner.parameters = {{"outer", spec::parameter_type::any, "{{item}}", ""}};
  inner.steps = {leaf, task_step("sum", {"leaf"})};
  auto middle = workflow_step("mid", inner);
  middle.foreach = range(10, 11);
  spec::scope top;
  top.steps = {middle};
  flow_world world{scope_of({workflow_step("top", top), task_step("end", {"top"})}), [](const auto& gang, auto&) {
                     return outcome{status::completed, "\"" + gang.tasks.front() + "\""};
                   }};
  world.run(GENERATE(1U, 2U, 1000U), GENERATE(0U, 3U));
  CHECK(world.machine.status() == status::completed);
  CHECK(world.begun.size() == 2 * 4 + 1);
  CHECK(world.values.count("top.mid.1.leaf.2") == 1);
  CHECK(world.values["top.mid.1.leaf.2"].tokens.at("parameter:outer") == "11");
  CHECK(world.values["top.mid.1.leaf.2"].tokens.at("item") == "2");
  CHECK(result_of_step(world, "top.mid.1.sum", "leaf") ==
        R"(["top.mid.1.leaf.0","top.mid.1.leaf.1","top.mid.1.leaf.2"])");
}

TEST_CASE("branches run side by side, and their results merge in declared order") {
  spec::step parallel;
  parallel.name = "p";
  parallel.body = spec::branches_body{{{"a", scope_of({task_step("s")})}, {"b", scope_of({task_step("s")})}}};
  auto end = task_step("end", {"p"});
  task_of(end).args = {"{{result:p.shared}} {{result:p.a.s.shared}}"};
  flow_world world{scope_of({parallel, end}), [](const auto& gang, auto&) {
                     return outcome{status::completed, R"({"shared":")" + gang.tasks.front() + "\"}"};
                   }};
  world.run(1000, GENERATE(0U, 1U, 2U, 3U));
  CHECK(world.values["end"].tokens.at("result:p.shared") == "p.b.s");
  CHECK(world.values["end"].tokens.at("result:p.a.s.shared") == "p.a.s");
}

TEST_CASE("switch runs the case of its value, else the default, else fails") {
  spec::step route;
  route.name = "route";
  route.needs = {"toss"};
  spec::switch_body body;
  body.value = "results.toss";
  body.cases = {{"heads", scope_of({task_step("h")})}, {"tails", scope_of({task_step("t")})}};
  SECTION("a case") {
    route.body = body;
    flow_world world{scope_of({task_step("toss"), route}), [](const auto&, auto&) {
                       return outcome{status::completed, "\"tails\""};
                     }};
    world.run();
    CHECK(world.begun == names{"toss", "route.tails.t"});
  }
  SECTION("default") {
    body.otherwise = scope_of({task_step("d")});
    route.body = body;
    flow_world world{scope_of({task_step("toss"), route}), [](const auto&, auto&) {
                       return outcome{status::completed, "7"};
                     }};
    world.run();
    CHECK(world.begun == names{"toss", "route.default.d"});
  }
  SECTION("none") {
    route.body = body;
    flow_world world{scope_of({task_step("toss"), route}), [](const auto&, auto&) {
                       return outcome{status::completed, "7"};
                     }};
    world.run();
    CHECK(world.machine.status() == status::failed);
    CHECK_THAT(world.reasons["route"], ContainsSubstring("no case for '7'") && ContainsSubstring("heads, tails"));
  }
}

TEST_CASE("repeat carries values from round to round until its condition holds") {
  auto loop = task_step("loop");
  loop.repeat = spec::repeat{"result.done", 10, {{"n", spec::template_value{1}}}};
  task_of(loop).args = {"{{index}} {{carry.n}}"};
  const auto decide = [](int last) {
    return [last](const auto& gang, const auto& values) {
      if (gang.tasks.front() == "end")
        return outcome{};
      const auto n = std::stoi(values.tokens.at("carry.n"));
      return outcome{status::completed,
                     "{\"n\":" + std::to_string(2 * n) + ",\"done\":" + (n >= last ? "true}" : "false}")};
    };
  };
  SECTION("until") {
    flow_world world{scope_of({loop, task_step("end", {"loop"})}), decide(8)};
    world.run();
    CHECK(world.begun == names{"loop.0", "loop.1", "loop.2", "loop.3", "end"});
    CHECK(result_of_step(world, "end", "loop") == R"({"n":16,"done":true})");
    CHECK(world.values["end"].inputs.at(0).at(0).task == "loop.3");
  }
  SECTION("max") {
    loop.repeat->max = 2;
    flow_world world{scope_of({loop, task_step("end", {"loop"})}), decide(1000)};
    world.run();
    CHECK(world.begun == names{"loop.0", "loop.1", "end"});
  }
}

TEST_CASE("each element of a foreach may repeat, and its last round is what others read") {
  auto loop = task_step("loop");
  loop.foreach = range(1, 3);
  loop.repeat = spec::repeat{"result >= 2", 5, {}};
  task_of(loop).args = {"{{item}} {{index}}"};
  flow_world world{scope_of({loop, task_step("end", {"loop"})}), [](const auto& gang, const auto& values) {
                     const auto found = values.tokens.find("item");
                     if (found == values.tokens.end())
                       return outcome{};
                     const auto round = gang.tasks.front().substr(gang.tasks.front().rfind('.') + 1);
                     return outcome{status::completed, std::to_string(std::stoi(found->second) * std::stoi(round))};
                   }};
  world.run();
  CHECK(result_of_step(world, "end", "loop") == "[2,2,3]");
  const auto& parts = world.values["end"].inputs.at(0).at(0).parts;
  REQUIRE(parts.size() == 3);
  CHECK(parts[0].second == "loop.0.2");
  CHECK(parts[2].second == "loop.2.1");
}

TEST_CASE("tokens of the drivers stay as they are in items and parameters") {
  auto each = task_step("t");
  each.foreach = spec::foreach{};
  each.foreach->items = spec::each_of_list{{"{{output}}/{{parameter:p}}", "{{workflow_id}}"}};
  task_of(each).args = {"{{item}}"};
  auto source = std::make_shared<spec::scope>();
  source->parameters = {{"p", spec::parameter_type::any, 3, ""}};
  source->steps = {each};
  flow_world world{source};
  world.run();
  CHECK(world.values["t.0"].tokens.at("item") == "{{output}}/3");
  CHECK(world.values["t.1"].tokens.at("item") == "{{workflow_id}}");
}

TEST_CASE("on_failure makes good, or fails as the step did") {
  auto risky = task_step("risky");
  risky.on_failure = scope_of({task_step("on_failure")});
  const auto handler = GENERATE(status::completed, status::failed_evicted);
  flow_world world{scope_of({risky, task_step("next", {"risky"})}), [&](const auto& gang, auto&) {
                     const auto& name = gang.tasks.front();
                     if (name == "risky")
                       return outcome{status::failed, ""};
                     return outcome{name == "risky.on_failure" ? handler : status::completed, "5"};
                   }};
  world.run();
  CHECK(world.begun.at(1) == "risky.on_failure");
  CHECK((world.ends["next"] == status::completed) == (handler == status::completed));
  CHECK(world.machine.status() == (handler == status::completed ? status::completed : status::failed));
  if (handler == status::completed)
    CHECK(result_of_step(world, "next", "risky") == "5");
}

TEST_CASE("a token without a value fails its gang, with the reason") {
  auto next = task_step("next", {"a"});
  task_of(next).args = {"{{result:a.x.y}}"};
  flow_world world{scope_of({task_step("a"), next}), [](const auto&, auto&) {
                     return outcome{status::completed, R"({"x":1})"};
                   }};
  world.run();
  CHECK_THAT(world.problems["next"], ContainsSubstring("{{result:a.x.y}}"));
  CHECK(world.machine.status() == status::failed);
}

TEST_CASE("parameters, item and index are in the environment") {
  auto each = task_step("t");
  each.foreach = range(5, 5);
  auto source = std::make_shared<spec::scope>();
  source->parameters = {{"rate", spec::parameter_type::number, 0.5, ""}};
  source->steps = {each};
  flow_world world{source};
  world.run();
  CHECK(world.values["t.0"].environment ==
        std::vector<std::pair<std::string, std::string>>{
            {"MUSTER_PARAMETER_rate", "0.5"}, {"MUSTER_ITEM", "5"}, {"MUSTER_INDEX", "0"}});
}

TEST_CASE("cancel ends what has not begun, and asks for the rest") {
  auto each = task_step("t");
  each.foreach = range(0, 99);
  flow_world world{scope_of({each, task_step("end", {"t"})})};
  world.run_some(3, 5, 0);
  world.machine.cancel("enough");
  world.run(5);
  CHECK(world.machine.done());
  CHECK(world.machine.status() == status::failed_canceled);
  CHECK(world.begun.size() == 8);
  CHECK(world.ends["end"] == status::failed_canceled);
}

TEST_CASE("a chain of a hundred thousand skipped steps needs no stack") {
  std::vector<spec::step> steps{with(task_step("s0"), [](auto& x) { x.when = "false"; })};
  for (int i = 1; i < 100'000; ++i)
    steps.push_back(task_step("s" + std::to_string(i), {"s" + std::to_string(i - 1)}));
  flow_world world{scope_of(std::move(steps))};
  world.run();
  CHECK(world.machine.done());
  CHECK(world.ends.size() == 100'000);
}
