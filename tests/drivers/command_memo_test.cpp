#include "executors/process/command_memo.hpp"
#include "executors/process/preparation.hpp"

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>

using namespace muster;
using namespace muster::process;
using muster::test::temporary_folder;

namespace {

namespace fs = std::filesystem;

/// Two folders of commands, and a PATH of both.
struct commands {
  commands() {
    for (const auto* name : {"first", "second"})
      fs::create_directory(folder.path() / name);
  }

  [[nodiscard]] std::string in(const std::string& which, const std::string& name) const {
    return (folder.path() / which / name).string();
  }
  void install(const std::string& which, const std::string& name) const {
    std::ofstream(in(which, name)) << "#!/bin/sh\n";
    fs::permissions(in(which, name), fs::perms::owner_all);
  }
  [[nodiscard]] std::string path() const { return at("first") + ':' + at("second"); }
  [[nodiscard]] std::string at(const std::string& which) const { return (folder.path() / which).string(); }

  temporary_folder folder;
};

} // namespace

TEST_CASE("a command that was found is where it was for a moment, and then looked for again") {
  const commands x;
  x.install("second", "tool");
  command_memo memo;
  const command_memo::time_point begin{};
  const auto last = begin + command_memo::age - std::chrono::nanoseconds{1};
  CHECK(memo.find("tool", x.path(), begin).program == x.in("second", "tool"));
  x.install("first", "tool");
  CHECK(memo.find("tool", x.path(), last).program == x.in("second", "tool"));
  CHECK(memo.find("tool", x.at("first"), last).program == x.in("first", "tool"));
  CHECK(memo.find("tool", x.path(), begin + command_memo::age).program == x.in("first", "tool"));
}

TEST_CASE("what is not found is looked for each time") {
  const commands x;
  command_memo memo;
  const command_memo::time_point begin{};
  CHECK(memo.find("tool", x.path(), begin).refuse_code == 127);
  x.install("first", "tool");
  CHECK(memo.find("tool", x.path(), begin).refuse_code == 0);
}

TEST_CASE("whatever comes after others sees what those installed") {
  const commands x;
  x.install("second", "tool");
  command_memo memo;
  preparation_context context;
  context.inherited["PATH"] = x.path();
  std::uint32_t attempts = 0;
  const auto prepare = [&](const auto& change) {
    attempt_spec spec;
    spec.id.task.value = attempts++;
    spec.folder = x.folder.path() / ("t" + std::to_string(attempts) + ".0");
    spec.task.name = "t";
    spec.task.command = {"tool"};
    change(spec);
    const auto out = prepare_attempt(spec, context, {nullptr, &memo});
    INFO((out ? std::string{} : out.failure().message));
    REQUIRE(out);
    return out->program;
  };
  const auto second = x.in("second", "tool");
  const auto first = x.in("first", "tool");
  CHECK(prepare([](attempt_spec&) {}) == second);
  x.install("first", "tool");
  CHECK(prepare([](attempt_spec& y) { y.id.number = 1; }) == first);
  CHECK(prepare([&](attempt_spec& y) {
          located_input input;
          input.task = "before";
          input.source = x.folder.path() / "before";
          y.inputs = {input};
        }) == first);
  CHECK(prepare([](attempt_spec& y) { y.results = {{"before", std::make_shared<const std::string>("1")}}; }) == first);
}
