#pragma once

#include "executors/process/warden/warden_state.hpp"
#include "harness.hpp"
#include "support/catch.hpp"

#include <unistd.h>

namespace muster::test {

/// What a warden does, without its sockets, in a folder of its own.
struct warden_alone {
  warden_alone() : state(folder.path().string(), open(folder.path()), {}, STDIN_FILENO) {}

  /// A start of a program that runs for long.
  [[nodiscard]] process::wire::start_request sleeper(std::uint32_t task) const {
    process::wire::start_request x;
    x.id = {workflow_key{1}, task_index{task}, 0};
    x.folder = (folder.path() / std::to_string(task)).string();
    x.program = "/bin/sleep";
    x.arguments.add("sleep");
    x.arguments.add("1000");
    std::filesystem::create_directories(x.folder + "/work");
    return x;
  }

  scratch folder;
  process::warden_state state;
  process::warden_news news;

private:
  static process::record_file open(const std::filesystem::path& folder) {
    auto records = process::record_file::open((folder / "records").string());
    REQUIRE(records);
    return *std::move(records);
  }
};

} // namespace muster::test
