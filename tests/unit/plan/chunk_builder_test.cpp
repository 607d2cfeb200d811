#include "support/catch.hpp"

#include "muster/plan/chunk_builder.hpp"
#include "muster/spec/gangs.hpp"

using namespace muster;

namespace {

spec::group gang(const std::string& name, const std::vector<std::string>& tasks) {
  spec::group x;
  x.name = name;
  x.barrier = tasks.size() > 1;
  for (const auto& task : tasks) {
    x.tasks.emplace_back();
    x.tasks.back().name = task;
    x.tasks.back().image = "image-of-" + task;
  }
  x.tasks.front().lead = true;
  return x;
}

std::shared_ptr<const spec::workflow> definition() {
  auto x = std::make_shared<spec::workflow>();
  x->name = "wf";
  x->pool = "p";
  x->resources["default"].cpu = 3;
  return x;
}

} // namespace

TEST_CASE("a chunk has its own names and the tasks of the definition, numbered from where it is told") {
  chunk_builder builder{definition()};
  const auto alone = gang("a-group", {"a"});
  const auto pair = gang("pair", {"one", "two"});
  const auto made = builder.build({{"a.0-group", {"a.0"}, &alone},
                                   {"pair.7", {"pair.7.one", "pair.7.two"}, &pair},
                                   {"skipped", {"skipped"}, nullptr}},
                                  group_index{10}, task_index{20});
  REQUIRE(made);
  CHECK(made->header().pool == "p");
  CHECK(made->first_group() == group_index{10});
  CHECK(made->task_count() == 4);
  CHECK(made->task_name(task_index{22}) == "pair.7.two");
  CHECK(made->task(task_index{22})->image == "image-of-two");
  CHECK(made->lead(group_index{11}) == task_index{21});
  CHECK(made->barrier(group_index{11}));
  CHECK_FALSE(made->barrier(group_index{10}));
  CHECK(made->resource(task_index{20}).cpu == 3);
  CHECK(made->task(task_index{23})->image.empty());
}

TEST_CASE("a chunk whose task asks for an unknown resource, or with a name twice, is refused") {
  chunk_builder builder{definition()};
  auto greedy = gang("a-group", {"a"});
  CHECK(builder.build({{"x", {"a"}, &greedy}, {"y", {"a"}, &greedy}}, {}, {}).failure().code == ec::invalid_spec);
  auto other = gang("b-group", {"b"});
  other.tasks.front().resource = "huge";
  const auto made = builder.build({{"x", {"b"}, &other}}, {}, {});
  CHECK(made.failure().code == ec::invalid_spec);
  CHECK_THAT(made.failure().message, ContainsSubstring("huge"));
}

TEST_CASE("the base of a flow has its header and no groups") {
  const auto base = chunk_builder{definition()}.base();
  REQUIRE(base);
  CHECK(base->name() == "wf");
  CHECK(base->group_count() == 0);
}

TEST_CASE("all gangs of a flow are found, at any depth") {
  const auto scope_of = [](std::vector<spec::step> steps) {
    auto x = std::make_shared<spec::scope>();
    x->steps = std::move(steps);
    return spec::scope_ptr{std::move(x)};
  };
  const auto task = [](const std::string& name) {
    spec::step x;
    x.name = name;
    x.body = gang(name, {name});
    return x;
  };
  spec::step nested;
  nested.body = scope_of({task("in-workflow")});
  spec::step branches;
  branches.body = spec::branches_body{{{"b", scope_of({task("in-branch")})}}};
  spec::step choice;
  choice.body = spec::switch_body{"1", {{"c", scope_of({task("in-case")})}}, scope_of({task("in-default")})};
  auto handled = task("handled");
  handled.on_failure = scope_of({task("in-handler")});
  spec::workflow w;
  w.flow = scope_of({nested, branches, choice, handled});
  std::vector<std::string> names;
  for (const auto* x : spec::gangs_of(w))
    names.push_back(x->name);
  CHECK(names ==
        std::vector<std::string>{"in-workflow", "in-branch", "in-case", "in-default", "handled", "in-handler"});
}
