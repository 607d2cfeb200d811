#include "process_bench.hpp"

#include "executors/process/warden/procfs.hpp"

#include "support/catch.hpp"

#include <fstream>
#include <sstream>

#include <unistd.h>

namespace muster::test {

namespace {

constexpr std::chrono::milliseconds quick_grace{150};

} // namespace

process_bench::process_bench(process_config config) : own_dir(std::make_unique<scratch>()), state(own_dir->path()) {
  config.state_directory = state;
  if (config.leftover_grace == process_config{}.leftover_grace)
    config.leftover_grace = quick_grace;
  driver_ = make_process_driver(std::move(config));
  const auto found = driver_->probe();
  REQUIRE((found ? "" : found.failure().message) == std::string{});
  driver_->listen(heard);
}

process_bench::process_bench(const std::filesystem::path& earlier) : state(earlier) {
  process_config config;
  config.state_directory = state;
  config.leftover_grace = quick_grace;
  driver_ = make_process_driver(std::move(config));
  const auto found = driver_->probe();
  REQUIRE((found ? "" : found.failure().message) == std::string{});
  driver_->listen(heard);
}

process_bench::~process_bench() = default;

attempt_spec process_bench::shell(const std::string& script, std::uint32_t task) const {
  auto out = make_spec(state, task);
  out.task.command = {"/bin/sh", "-c", script};
  out.hands_on = true;
  return out;
}

history process_bench::prepare(const attempt_spec& x) {
  driver_->prepare(x);
  return heard.wait_prepared(x.id);
}

history process_bench::start(const attempt_spec& x) {
  const auto seen = prepare(x);
  REQUIRE(seen.prepared.has_value());
  REQUIRE((seen.prepared->ok() ? "" : seen.prepared->failure().message) == std::string{});
  driver_->start(x.id);
  return heard.wait_started(x.id);
}

history process_bench::run(const attempt_spec& x) {
  const auto seen = start(x);
  REQUIRE(seen.started.has_value());
  REQUIRE((seen.started->ok() ? "" : seen.started->failure().message) == std::string{});
  auto end = heard.wait_end(x.id);
  REQUIRE(end.exited.has_value());
  return end;
}

std::string process_bench::log_of(const attempt_spec& x) {
  return read_text(x.folder.string() + ".log");
}

pid_t process_bench::warden() const {
  for (const auto pid : process::all_processes()) {
    const auto words = read_small_file(("/proc/" + std::to_string(pid) + "/cmdline").c_str());
    if (words.find("muster-warden") == 0 && words.find(state.string()) != std::string::npos && is_alive(pid))
      return pid;
  }
  return 0;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream{path, std::ios::binary} << text;
}

bool is_alive(pid_t pid) {
  const auto facts = process::facts_of(pid);
  return facts && facts->state != 'Z' && facts->state != 'X';
}

std::vector<pid_t> processes_with(const std::string& word) {
  std::vector<pid_t> out;
  for (const auto pid : process::all_processes()) {
    if (pid == ::getpid() || !is_alive(pid))
      continue;
    const auto folder = "/proc/" + std::to_string(pid);
    const auto words = read_small_file((folder + "/cmdline").c_str());
    if (words.find("muster-warden") == 0)
      continue;
    if (words.find(word) != std::string::npos ||
        read_small_file((folder + "/environ").c_str()).find(word) != std::string::npos)
      out.push_back(pid);
  }
  return out;
}

std::string unique_seconds() {
  static int next = 0;
  return "6" + std::to_string(::getpid()) + "." + std::to_string(++next);
}

bool sleeps(const std::string& seconds) {
  return !processes_with("sleep" + std::string(1, '\0') + seconds).empty();
}

} // namespace muster::test
