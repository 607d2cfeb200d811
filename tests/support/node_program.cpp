#include "support/node_program.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <fstream>
#include <iostream>
#include <utility>

namespace muster::test {

std::string farm_config(const muster_program& muster, const std::string& listen, const std::string& pool,
                        const std::string& certs) {
  return muster.file("farm.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                      ", level: debug}\nagents: {listen: \"" + listen + "\", certs: \"" + certs +
                                      "\"}\npools:\n  farm: {driver: agents, " + pool + "}\n");
}

std::string agents_address(const muster_program& muster) {
  std::ifstream in(muster.state() / "head.json");
  const auto x = nlohmann::json::parse(in, nullptr, false);
  return x.is_object() ? x.value("agents", "") : std::string{};
}

node_program::node_program(const muster_program& muster, std::string name, std::vector<std::string> options,
                           std::vector<std::string> prefix)
    : name_(std::move(name)), state_(muster.folder() / ("node-" + name_)), cleaner_(state_) {
  const auto has = [&](const char* x) { return std::find(options.begin(), options.end(), x) != options.end(); };
  std::vector<std::string> words{"agent", "--node", name_, "--log-level", "debug"};
  if (!has("--state-dir"))
    words.insert(words.end(), {"--state-dir", state_.string()});
  if (!has("--head"))
    words.insert(words.end(), {"--head", agents_address(muster)});
  words.insert(words.end(), options.begin(), options.end());
  command_ = muster.with(words);
  command_.argv.insert(command_.argv.begin(), prefix.begin(), prefix.end());
  start();
}

node_program::~node_program() {
  if (std::uncaught_exceptions() == 0)
    return;
  process_->signal(SIGKILL);
  std::cerr << "node " << name_ << " said:\n" << process_->finish().err;
}

void node_program::start() {
  process_ = std::make_unique<subprocess>(command_);
}

outcome node_program::stop(int signal) {
  process_->signal(signal);
  return process_->finish();
}

} // namespace muster::test
