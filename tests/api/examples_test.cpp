#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/sanitizer.hpp"
#include "support/skip_test.hpp"
#include "support/subprocess.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

/// The programs of examples/cpp: what they print, and one of them built against an installed Muster.
namespace {

namespace fs = std::filesystem;
using muster::test::in_build;
using muster::test::in_source;
using muster::test::run;
using muster::test::skip_test;
using muster::test::temporary_folder;

const std::string fan_out_says = "chunk 0: 4950\nchunk 1: 14950\nchunk 2: 24950\nchunk 3: 34950\nchunk 4: 44950\n"
                                 "items: 500, sum: 124750\n";

bool have_python() {
  if (run({{"python3", "--version"}, {}, {}, false}).exit_code == 0)
    return true;
  skip_test("this example's tasks need python3, which is not there");
  return false;
}

void check(const fs::path& program, const std::string& expected) {
  const temporary_folder folder;
  INFO(program);
  const auto said = run({{program.string()}, {{"MUSTER_STATE_DIR", (folder.path() / "state").string()}}, {}, false});
  INFO(said.err);
  CHECK(said.exit_code == 0);
  CHECK(said.out == expected);
}

fs::path example(const std::string& name) {
  return fs::path(in_build("examples/cpp")) / ("example_" + name);
}

void must(const std::vector<std::string>& argv) {
  const auto said = run({argv, {}, {}, false}, std::chrono::seconds(240));
  INFO(said.out << said.err);
  REQUIRE(said.exit_code == 0);
}

} // namespace

TEST_CASE("C++ example: fan-out and fan-in") {
  if (have_python())
    check(example("fan_out_fan_in"), fan_out_says);
}

TEST_CASE("the program that docs/cpp.md begins with prints what is said there") {
  const auto text = [](const fs::path& file) {
    std::ifstream from(fs::path(in_source()) / file);
    return std::string(std::istreambuf_iterator<char>(from), {});
  };
  const std::string prints = "[9,16,25]\nall of them: [9,16,25]\n";
  CHECK(text("docs/cpp.md").find("```cpp\n" + text("examples/cpp/squares.cpp") + "```") != std::string::npos);
  CHECK(text("docs/cpp.md").find("prints\n\n```\n" + prints + "```") != std::string::npos);
  check(example("squares"), prints);
}

TEST_CASE("C++ example: a pipeline") {
  check(example("pipeline"), "final_transform_0(preprocessed_data_1)\nfinal_transform_1(preprocessed_data_2)\n"
                             "final_transform_2(preprocessed_data_3)\n");
}

TEST_CASE("C++ example: a sweep") {
  if (have_python())
    check(example("sweep"), "0.5084442185152505\n0.5013436424411241\n0.5084442185152505\n0.5013436424411241\n"
                            "0.5844421851525048\n0.5134364244112402\n0.5844421851525048\n0.5134364244112402\n"
                            "1.3444218515250481\n0.6343642441124012\n1.3444218515250481\n0.6343642441124012\n"
                            "best: lr=0.1, bs=32, seed=0, acc=1.3444218515250481\n");
}

TEST_CASE("C++ example: branches in parallel") {
  check(example("parallel"), "parallel_step.branch1.hello_again: after: Hello World!\n"
                             "parallel_step.branch2.hello_again: after: Hello World!\nparallel-1 COMPLETED\n");
}

TEST_CASE("C++ example: branches within branches") {
  check(
      example("nesting"),
      "parallel_step.branch1.ps.branch1.s2: Hello\nparallel_step.branch1.ps.branch2.s2: Hello\n"
      "parallel_step.branch2.ps.branch1.s2: Hello\nparallel_step.branch2.ps.branch2.s2: Hello\nnesting-1 COMPLETED\n");
}

TEST_CASE("an installed Muster is found, and a project outside of the tree is built with it") {
  if (muster::test::has_sanitizer)
    return skip_test("the library has a sanitizer in it, and the project has not");
  const temporary_folder folder;
  const auto prefix = (folder.path() / "prefix").string();
  const auto project = folder.path() / "project";
  const auto build = (folder.path() / "build").string();
  must({"cmake", "--install", in_build(), "--component", "libmuster", "--prefix", prefix});
  fs::create_directory(project);
  fs::copy_file(in_source("tests/api/outside/CMakeLists.txt"), project / "CMakeLists.txt");
  fs::copy_file(in_source("examples/cpp/pipeline.cpp"), project / "main.cpp");
  must({"cmake", "-S", project.string(), "-B", build, "-DCMAKE_PREFIX_PATH=" + prefix,
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"});
  must({"cmake", "--build", build});
  check(fs::path(build) / "outside", "final_transform_0(preprocessed_data_1)\nfinal_transform_1(preprocessed_data_2)\n"
                                     "final_transform_2(preprocessed_data_3)\n");
}
