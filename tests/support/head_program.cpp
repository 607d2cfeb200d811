#include "support/head_program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

namespace muster::test {

namespace {

template <class Condition>
bool wait_until(Condition condition) {
  for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);;) {
    if (condition())
      return true;
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10)); // Between two looks at a file.
  }
}

} // namespace

head_program::head_program(const muster_program& muster, std::vector<std::string> options)
    : muster_(muster), log_file_((muster.folder() / "head.log").string()) {
  const auto config = muster.file("head.yaml", "log: {file: " + log_file_ + ", level: debug}\n");
  const auto has = [&](const char* name) { return std::find(options.begin(), options.end(), name) != options.end(); };
  std::vector<std::string> all{"serve", "--state-dir", muster.state().string()};
  if (!has("--config"))
    all.insert(all.end(), {"--config", config});
  if (!has("--listen"))
    all.insert(all.end(), {"--listen", "127.0.0.1:0"});
  all.insert(all.end(), options.begin(), options.end());
  process_ = std::make_unique<subprocess>(muster.with(all));
  ready_ = wait_until([this] { return process_->ended() || !address().empty(); }) && !process_->ended();
}

std::string head_program::address() const {
  std::ifstream in(muster_.state() / "head.json");
  const auto x = nlohmann::json::parse(in, nullptr, false);
  const bool ours = x.is_object() && x.value("pid", 0) == process_->pid() && x.value("ready", false);
  return ours ? x.value("address", "") : std::string{};
}

outcome head_program::stop(int signal) {
  process_->signal(signal);
  return process_->finish();
}

std::string head_program::log() const {
  std::ifstream in(log_file_);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool head_program::wait_for_log(const std::string& text) const {
  return wait_until([&] { return log().find(text) != std::string::npos; });
}

} // namespace muster::test
