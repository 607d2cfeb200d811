#include "executors/process/warden/warden_arguments.hpp"

#include "support/catch.hpp"

using namespace muster::process;
using namespace std::chrono_literals;

TEST_CASE("a warden is told what its launcher says, and nothing less") {
  warden_arguments said;
  said.folder = "/state of mine/warden";
  said.options.logs.most = 1000;
  said.options.logs.head = 100;
  said.options.logs.tail = 10;
  said.options.leftover_grace = 250ms;
  said.open_files = -1;
  auto words = to_arguments(said);
  const auto read = [&] {
    std::vector<const char*> pointers;
    for (const auto& word : words)
      pointers.push_back(word.c_str());
    return read_arguments(static_cast<int>(pointers.size()), pointers.data());
  };
  const auto told = read();
  REQUIRE(told);
  CHECK(told->folder == said.folder);
  CHECK(told->options.logs.most == 1000);
  CHECK(told->options.logs.head == 100);
  CHECK(told->options.logs.tail == 10);
  CHECK(told->options.leftover_grace == 250ms);
  CHECK(told->open_files == -1);
  words[3] = "10x";
  CHECK_FALSE(read());
  words[3] = "";
  CHECK_FALSE(read());
  words[3] = "10";
  CHECK(read());
  words.pop_back();
  CHECK_FALSE(read());
}
