#include "muster/flow/difference.hpp"

#include "muster/flow/definition.hpp"
#include "muster/spec/load.hpp"
#include "support/catch.hpp"

using namespace muster;
using namespace muster::flow;

namespace {

std::string outline_of(const std::string& text, std::vector<std::string> set = {}) {
  spec::load_options options;
  options.set = std::move(set);
  auto loaded = spec::load(text, options);
  for (const auto& x : loaded.errors)
    FAIL(x.message);
  auto made = outline(*loaded.workflow);
  if (!made)
    FAIL(made.failure().message);
  return *made;
}

constexpr const char* plain = "workflow:\n"
                              "  name: plain\n"
                              "  tasks:\n"
                              "  - {name: one, image: none, command: [echo], args: [a]}\n"
                              "  - {name: two, image: none, command: [cat], inputs: [{task: one}]}\n";

constexpr const char* fanned =
    "workflow:\n"
    "  name: fanned\n"
    "  parameters: {n: {type: integer, default: 2}}\n"
    "  tasks:\n"
    "  - {name: train, image: none, command: [echo, '{{item}}'], foreach: {from: 1, to: 3}}\n"
    "  - name: deep\n"
    "    after: [train]\n"
    "    workflow:\n"
    "      tasks:\n"
    "      - {name: leaf, image: busybox, command: [date]}\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::vector<std::string> changes(const std::string& before, const std::string& after) {
  return differences(outline_of(before), outline_of(after), 20);
}

} // namespace

TEST_CASE("a spec is the same as itself, however it is written") {
  CHECK(changes(plain, plain).empty());
  CHECK(changes(fanned, fanned).empty());
  CHECK(changes(plain, replaced(plain, "args: [a]", "args: ['a']")).empty());
}

TEST_CASE("what changed in a plan is told by task and field") {
  CHECK(changes(plain, replaced(plain, "[a]", "[b]")) == std::vector<std::string>{R"(one: args: ["a"] -> ["b"])"});
  CHECK(changes(plain, replaced(plain, ", inputs: [{task: one}]", "")) ==
        std::vector<std::string>{R"(two-group: after: ["one-group"] -> [])",
                                 R"(two: inputs: [{"task":"one"}] is not there any more)"});
  const auto more = changes(plain, std::string{plain} + "  - {name: three, image: none, command: [date]}\n");
  CHECK(more == std::vector<std::string>{"three-group: is new"});
}

TEST_CASE("what changed in a flow is told by step and field") {
  CHECK(changes(fanned, replaced(fanned, "to: 3", "to: 4")) ==
        std::vector<std::string>{R"(train: foreach.items.range: [1,3,1] -> [1,4,1])"});
  CHECK(changes(fanned, replaced(fanned, "busybox", "alpine")) ==
        std::vector<std::string>{R"(deep.leaf: image: "busybox" -> "alpine")"});
  CHECK(changes(fanned, replaced(fanned, "after: [train]", "after: [{task: train, on: always}]")).size() == 1);
  CHECK(differences(outline_of(fanned), outline_of(fanned, {"n=5"}), 20) ==
        std::vector<std::string>{"n: value: 2 -> 5"});
  CHECK(changes(fanned, plain) == std::vector<std::string>{"one-group: is new", "two-group: is new",
                                                           R"(resources: {"default":"{}"} is not there any more)",
                                                           "n: is not there any more", "deep: is not there any more",
                                                           "train: is not there any more"});
}

TEST_CASE("a difference is kept readable") {
  std::string before = R"({"groups":[)";
  for (int i = 0; i < 50; ++i)
    before += (i > 0 ? ",{\"name\":\"t" : "{\"name\":\"t") + std::to_string(i) + "\"}";
  before += "]}";
  const auto all = differences(before, R"({"groups":[]})", 3);
  REQUIRE(all.size() == 4);
  CHECK(all.back() == "and 47 more");
  const std::string long_text(5000, 'x');
  const auto one = differences("{\"a\":\"" + long_text + "1\"}", "{\"a\":\"" + long_text + "2\"}", 3);
  REQUIRE(one.size() == 1);
  CHECK(one.front().size() < 100);
  CHECK_THAT(one.front(), ContainsSubstring("x2"));
  CHECK(differences("no json", "no json", 3).empty());
  CHECK(differences("no json", "neither", 3).size() == 1);
}
