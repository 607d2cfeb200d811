#include "support/catch.hpp"

#include "muster/plan/plan.hpp"
#include "muster/plan/plan_builder.hpp"

#include <string>
#include <vector>

using namespace muster;

namespace {

spec::task make_task(std::string name, std::vector<std::string> reads = {}) {
  spec::task t;
  t.name = std::move(name);
  t.image = "ubuntu:24.04";
  t.command = {"true"};
  for (auto& from : reads)
    t.inputs.push_back({spec::task_input{std::move(from), {}}, {}});
  return t;
}

spec::group make_group(spec::task t) {
  spec::group g;
  g.name = t.name + "-group";
  g.barrier = false;
  t.lead = true;
  g.tasks.push_back(std::move(t));
  return g;
}

/// a -> {b, c} -> d, where b is a group of two.
spec::workflow diamond() {
  spec::workflow w;
  w.name = "diamond";
  w.labels = {{"team", "x"}};
  w.resources["big"].cpu = 4;
  w.groups.push_back(make_group(make_task("a")));
  auto pair = make_group(make_task("b", {"a"}));
  pair.name = "pair";
  pair.barrier = true;
  pair.ignore_nonlead_status = false;
  pair.tasks.insert(pair.tasks.begin(), make_task("b2", {"a", "a"}));
  pair.tasks[0].resource = "big";
  w.groups.push_back(pair);
  w.groups.push_back(make_group(make_task("c", {"a"})));
  w.groups.push_back(make_group(make_task("d", {"c", "b", "b2"})));
  w.groups.back().tasks[0].inputs.push_back({spec::task_input{"old", "earlier-3"}, {}});
  return w;
}

template <class View>
std::vector<std::uint32_t> numbers(const View& view) {
  std::vector<std::uint32_t> out;
  for (const auto x : view)
    out.push_back(x.value);
  return out;
}

using list = std::vector<std::uint32_t>;

void check_diamond(const plan& p) {
  REQUIRE(p.group_count() == 4);
  REQUIRE(p.task_count() == 5);
  CHECK(p.name() == "diamond");
  CHECK(p.header().labels.at("team") == "x");
  CHECK(p.group_name(group_index{1}) == "pair");
  CHECK(p.task_name(task_index{1}) == "b2");
  CHECK(p.barrier(group_index{1}));
  CHECK_FALSE(p.barrier(group_index{0}));
  CHECK_FALSE(p.ignore_nonlead_status(group_index{1}));
  CHECK(p.lead(group_index{1}) == task_index{2});
  CHECK(p.tasks(group_index{1}).first == task_index{1});
  CHECK(p.tasks(group_index{1}).count == 2);
  CHECK(p.tasks(group_index{3}).count == 1);
  CHECK(numbers(p.upstream(group_index{3})) == list{1, 2});
  CHECK(numbers(p.upstream(group_index{1})) == list{0});
  CHECK(numbers(p.downstream(group_index{0})) == list{1, 2});
  CHECK(p.downstream(group_index{3}).empty());
  CHECK(p.levels() == list{0, 1, 1, 2});
  CHECK(numbers(p.roots()) == list{0});
  CHECK(p.resource(task_index{1}).cpu == 4);
  CHECK(p.resource(task_index{0}).cpu == 1);
  CHECK(p.resource(task_index{0}).gpu == 0);
  CHECK(p.resource(task_index{0}).memory == std::int64_t{1} << 30U);
  CHECK(p.find_task("b2") == task_index{1});
  CHECK_FALSE(p.find_task("B2"));
  CHECK(p.find_group("d-group") == group_index{3});
  CHECK_FALSE(p.find_group("d"));
  const auto b = p.task(task_index{2});
  REQUIRE(b);
  CHECK(b->name == "b");
  CHECK(b->lead);
  CHECK(b->command == std::vector<std::string>{"true"});
  REQUIRE(p.external_inputs().size() == 1);
  CHECK(p.external_inputs()[0].task == task_index{4});
  CHECK(p.external_inputs()[0].workflow == "earlier-3");
  CHECK(p.external_inputs()[0].upstream_task == "old");
}

} // namespace

TEST_CASE("a plan holds what the spec says") {
  const auto p = make_plan(diamond());
  REQUIRE(p);
  check_diamond(*p);
}

TEST_CASE("a plan is rebuilt from its rows") {
  const auto p = make_plan(diamond());
  REQUIRE(p);
  plan_builder again{p->header()};
  for (std::uint32_t g = 0; g < p->group_count(); ++g) {
    again.add_group(p->row(group_index{g}));
    const auto range = p->tasks(group_index{g});
    for (std::uint32_t i = 0; i < range.count; ++i)
      again.add_task(p->row(task_index{range.first.value + i}));
  }
  for (const auto& x : p->external_inputs())
    again.add_external_input(x);
  const auto rebuilt = std::move(again).finish();
  REQUIRE(rebuilt);
  check_diamond(*rebuilt);
}

TEST_CASE("a later chunk of a workflow has the workflow's numbers") {
  const auto source = make_plan(diamond());
  REQUIRE(source);
  constexpr std::uint32_t g0 = 100;
  constexpr std::uint32_t t0 = 1000;
  plan_builder builder{source->header(), group_index{g0}, task_index{t0}};
  for (auto g = source->first_group(); g != source->end_group(); ++g.value) {
    auto row = source->row(g);
    // Each also waits for a group of an earlier chunk.
    std::vector<group_index> upstream{group_index{7}};
    for (const auto u : row.upstream)
      upstream.push_back(group_index{g0 + u.value});
    row.upstream = upstream;
    CHECK(builder.add_group(row) == group_index{g0 + g.value});
    const auto range = source->tasks(g);
    for (std::uint32_t i = 0; i < range.count; ++i) {
      auto task = source->row(task_index{range.first.value + i});
      task.group.value += g0;
      CHECK(builder.add_task(task) == task_index{t0 + range.first.value + i});
    }
  }
  const auto built = std::move(builder).finish();
  REQUIRE(built);
  const auto& p = *built;
  CHECK(p.group_count() == 4);
  CHECK(p.first_group() == group_index{g0});
  CHECK(p.end_group() == group_index{g0 + 4});
  CHECK(p.first_task() == task_index{t0});
  CHECK(p.end_task() == task_index{t0 + 5});
  CHECK(p.has(group_index{g0 + 3}));
  CHECK_FALSE(p.has(group_index{g0 - 1}));
  CHECK_FALSE(p.has(group_index{g0 + 4}));
  CHECK_FALSE(p.is_from_start());
  CHECK(source->is_from_start());
  for (auto g = source->first_group(); g != source->end_group(); ++g.value) {
    const group_index h{g0 + g.value};
    CHECK(p.group_name(h) == source->group_name(g));
    CHECK(p.barrier(h) == source->barrier(g));
    CHECK(p.ignore_nonlead_status(h) == source->ignore_nonlead_status(g));
    CHECK(p.lead(h).value == t0 + source->lead(g).value);
    CHECK(p.tasks(h).first.value == t0 + source->tasks(g).first.value);
    CHECK(p.tasks(h).count == source->tasks(g).count);
    CHECK(p.upstream(h).size() == 1 + source->upstream(g).size());
    CHECK(p.upstream(h)[0] == group_index{7});
    REQUIRE(p.downstream(h).size() == source->downstream(g).size());
    for (std::size_t i = 0; i < p.downstream(h).size(); ++i)
      CHECK(p.downstream(h)[i].value == g0 + source->downstream(g)[i].value);
    CHECK(p.find_group(source->group_name(g)) == h);
  }
  for (auto t = source->first_task(); t != source->end_task(); ++t.value) {
    const task_index u{t0 + t.value};
    CHECK(p.task_name(u) == source->task_name(t));
    CHECK(p.group_of(u).value == g0 + source->group_of(t).value);
    CHECK(p.is_lead(u) == source->is_lead(t));
    CHECK(p.resource(u).cpu == source->resource(t).cpu);
    CHECK(p.find_task(source->task_name(t)) == u);
    CHECK(p.row(u).body == source->row(t).body);
    CHECK(p.row(u).group == p.group_of(u));
    REQUIRE(p.task(u));
    CHECK(p.task(u)->name == source->task_name(t));
    CHECK(p.exit_actions(u));
  }
  CHECK(numbers(p.roots()) == list{g0});
  CHECK(p.levels() == list{0, 1, 1, 2});
}

TEST_CASE("a chunk is held to the same rules") {
  plan_builder b{{}, group_index{5}, task_index{9}};
  SECTION("its tasks follow their group, in the workflow's numbers") {
    b.add_group({"g", true, true, {}});
    b.add_task({"t", group_index{0}, true, "{}", "{}"});
    CHECK_THAT(std::move(b).finish().failure().message, ContainsSubstring("does not follow its group"));
  }
  SECTION("it cannot wait for what comes after it") {
    const std::vector<group_index> later{group_index{6}};
    b.add_group({"g", true, true, later});
    b.add_task({"t", group_index{5}, true, "{}", "{}"});
    CHECK_THAT(std::move(b).finish().failure().message, ContainsSubstring("number 6, there are only 6"));
  }
  SECTION("nor for itself") {
    const std::vector<group_index> own{group_index{4}, group_index{5}};
    b.add_group({"g", true, true, own});
    b.add_task({"t", group_index{5}, true, "{}", "{}"});
    CHECK_THAT(std::move(b).finish().failure().message, ContainsSubstring("waits for itself"));
  }
  SECTION("its numbers end where those of a workflow do") {
    plan_builder last{{}, group_index{0xfffffffe}, task_index{0}};
    last.add_group({"g", true, true, {}});
    CHECK(std::move(last).finish().failure().code == ec::limit_exceeded);
  }
}

TEST_CASE("a plan may be empty, for a workflow that grows") {
  const auto p = plan_builder{{"grows", {{"a", "b"}}, "pool", {}}}.finish();
  REQUIRE(p);
  CHECK(p->name() == "grows");
  CHECK(p->group_count() == 0);
  CHECK(p->first_group() == p->end_group());
  CHECK(p->roots().empty());
  CHECK(p->levels().empty());
  CHECK_FALSE(p->find_group("g"));
  CHECK_FALSE(p->find_task("t"));
}

TEST_CASE("exit actions are found without the rest of the task") {
  spec::workflow w;
  auto with = make_task("with");
  with.exit_actions.push_back({spec::exit_action::complete, {{3, 5}}, "3-5"});
  auto without = make_task("without");
  without.command = {"echo", "\"exitActions\""};
  w.name = "w";
  w.groups = {make_group(with), make_group(without)};
  const auto built = make_plan(w);
  REQUIRE(built);
  REQUIRE(built->exit_actions({0}));
  REQUIRE(built->exit_actions({0})->size() == 1);
  CHECK(built->exit_actions({0})->front().codes.front().last == 5);
  REQUIRE(built->exit_actions({1}));
  CHECK(built->exit_actions({1})->empty());
}

TEST_CASE("what the rules of a spec exclude is an error of the plan") {
  SECTION("an unknown task") {
    auto w = diamond();
    w.groups[2].tasks[0].inputs = {{spec::task_input{"nobody", {}}, {}}};
    const auto p = make_plan(w);
    REQUIRE_FALSE(p);
    CHECK(p.failure().code == ec::invalid_spec);
    CHECK(p.failure().message == "task c reads task nobody, which does not exist");
  }
  SECTION("a cycle") {
    auto w = diamond();
    w.groups[0].tasks[0].inputs = {{spec::task_input{"d", {}}, {}}};
    const auto p = make_plan(w);
    REQUIRE_FALSE(p);
    CHECK_THAT(p.failure().message, ContainsSubstring("waits for itself"));
  }
  SECTION("two leads") {
    auto w = diamond();
    w.groups[1].tasks[0].lead = true;
    CHECK_THAT(make_plan(w).failure().message, ContainsSubstring("group pair has two lead tasks"));
  }
  SECTION("no lead") {
    auto w = diamond();
    w.groups[1].tasks[1].lead = false;
    CHECK_THAT(make_plan(w).failure().message, ContainsSubstring("group pair has no lead task"));
  }
  SECTION("a name twice") {
    auto w = diamond();
    w.groups[3].tasks[0].name = "b";
    CHECK_THAT(make_plan(w).failure().message, ContainsSubstring("two tasks are named b"));
  }
  SECTION("a resource that is not there") {
    auto w = diamond();
    w.groups[0].tasks[0].resource = "huge";
    CHECK_THAT(make_plan(w).failure().message, ContainsSubstring("asks for resource huge"));
  }
  SECTION("rows out of order, or an edge to nowhere") {
    plan_builder b{{}};
    const std::vector<group_index> nowhere{group_index{7}};
    b.add_group({"g", true, true, nowhere});
    b.add_task({"t", group_index{0}, true, "{}", "{}"});
    CHECK_THAT(std::move(b).finish().failure().message, ContainsSubstring("number 7"));
    plan_builder c{{}};
    c.add_task({"t", group_index{0}, true, "{}", "{}"});
    CHECK_THAT(std::move(c).finish().failure().message, ContainsSubstring("does not follow its group"));
  }
}

TEST_CASE("a waiting task costs few bytes") {
  spec::workflow w;
  w.name = "wide";
  constexpr std::uint32_t count = 20'000;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto t = make_task("process-" + std::to_string(i),
                       i < 2 ? std::vector<std::string>{} : std::vector<std::string>{"process-0", "process-1"});
    t.command = {"sh", "-c"};
    t.args = {"echo step " + std::to_string(i) + " && sort {{input:0}}/part > {{output}}/part"};
    w.groups.push_back(make_group(std::move(t)));
  }
  const auto p = make_plan(w);
  REQUIRE(p);
  INFO("bytes per task: " << p->memory_bytes() / count);
  CHECK(p->memory_bytes() / count <= 350);
  SECTION("equal bodies are kept once") {
    for (auto& g : w.groups)
      g.tasks[0].args = {"true"};
    const auto same = make_plan(w);
    REQUIRE(same);
    INFO("bytes per task: " << same->memory_bytes() / count);
    CHECK(same->memory_bytes() / count <= 140);
  }
}
