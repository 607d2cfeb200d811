#include "support/docker_daemon.hpp"
#include "support/checkout.hpp"
#include "support/skip_test.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <unistd.h>

namespace muster::test {

namespace fs = std::filesystem;

namespace {

constexpr int cannot_be_had = 77;
constexpr std::chrono::minutes script_deadline{3};

fs::path ground() {
  return in_build("docker");
}

std::string contents(const fs::path& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

/// tests/docker/<name> with its arguments, to its end.
outcome run_script(const std::string& name, const std::vector<std::string>& arguments) {
  command what;
  what.argv = {in_source("tests/docker/") + name};
  what.argv.insert(what.argv.end(), arguments.begin(), arguments.end());
  return run(what, script_deadline);
}

fs::path socket_of(const std::string& host) {
  constexpr std::string_view scheme = "unix://";
  return host.rfind(scheme, 0) == 0 ? host.substr(scheme.size()) : std::string{};
}

} // namespace

std::optional<fs::path> shared_docker() {
  const char* given = std::getenv("MUSTER_TEST_DOCKER_HOST");
  const auto host = given != nullptr ? std::string(given) : contents(ground() / "test" / "host");
  if (auto socket = socket_of(host); !socket.empty() && fs::exists(socket))
    return socket;
  const auto why = contents(ground() / "test" / "why-not");
  skip_test(!why.empty() ? why : "no Docker daemon: run ctest, or tests/docker/ground, or set MUSTER_TEST_DOCKER_HOST");
  return {};
}

std::unique_ptr<docker_daemon> docker_daemon::start(const docker_options& how) {
  static std::atomic<int> count{0};
  const auto name = std::to_string(::getpid()) + '-' + std::to_string(++count);
  // Not by make_unique: the constructor is private.
  std::unique_ptr<docker_daemon> daemon(new docker_daemon(ground() / "test" / "private" / name));
  std::vector<std::string> arguments{"up", daemon->folder_.string()};
  if (how.host_network)
    arguments.emplace_back("--host-network");
  if (!how.network.empty())
    arguments.insert(arguments.end(), {"--network", how.network});
  if (how.fake_gpu)
    arguments.emplace_back("--fake-gpu");
  arguments.insert(arguments.end(), how.arguments.begin(), how.arguments.end());
  const auto up = run_script("daemon", arguments);
  if (up.exit_code == cannot_be_had) {
    skip_test(up.err);
    return {};
  }
  if (up.exit_code != 0)
    throw std::runtime_error("cannot start a Docker daemon: " + up.err);
  if (!how.images.empty()) {
    arguments = {daemon->socket().string(), (ground() / "cache").string()};
    arguments.insert(arguments.end(), how.images.begin(), how.images.end());
    if (const auto given = run_script("images", arguments); given.exit_code != 0)
      throw std::runtime_error("cannot give a Docker daemon its images: " + given.err);
  }
  return daemon;
}

docker_daemon::~docker_daemon() {
  const auto down = run_script("daemon", {"down", folder_.string()});
  if (down.exit_code != 0)
    std::cerr << down.err;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void docker_daemon::script(const std::string& name, const std::string& action,
                           const std::vector<std::string>& arguments) const {
  std::vector<std::string> words{action, folder_.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (const auto done = run_script(name, words); done.exit_code != 0)
    throw std::runtime_error("tests/docker/" + name + ' ' + action + ": " + done.err);
}

fs::path docker_daemon::socket() const {
  return socket_of(contents(folder_ / "host"));
}

std::string docker_daemon::log() const {
  constexpr std::size_t most = 4096;
  const auto text = contents(folder_ / "log");
  return text.size() <= most ? text : text.substr(text.size() - most);
}

void docker_daemon::kill() {
  script("daemon", "kill");
}

void docker_daemon::stop() {
  script("daemon", "stop");
}

void docker_daemon::start_again(const std::vector<std::string>& arguments) {
  script("daemon", "start", arguments);
}

void docker_daemon::hold_starts() {
  // In front of the real one in dockerd's PATH.
  const auto runc = folder_ / "bin" / "runc";
  if (!fs::exists(runc))
    fs::create_symlink(in_source("tests/docker/held_runc"), runc);
  std::ofstream(folder_ / "bin" / "hold").close();
}

void docker_daemon::let_go_starts() {
  fs::remove(folder_ / "bin" / "hold");
}

std::size_t docker_daemon::starts_held() const {
  const fs::directory_iterator all(folder_ / "bin");
  return static_cast<std::size_t>(std::count_if(
      begin(all), end(all), [](const auto& x) { return x.path().filename().native().rfind("held.", 0) == 0; }));
}

outcome docker_daemon::run_inside(const std::vector<std::string>& argv) const {
  std::vector<std::string> words{"enter", folder_.string()};
  words.insert(words.end(), argv.begin(), argv.end());
  return run_script("daemon", words);
}

bool docker_daemon::start_registry(const std::string& user, const std::string& password) {
  std::vector<std::string> words{"up", folder_.string()};
  if (!user.empty())
    words.insert(words.end(), {user, password});
  const auto up = run_script("registry", words);
  if (up.exit_code == cannot_be_had)
    skip_test(up.err);
  else if (up.exit_code != 0)
    throw std::runtime_error("cannot start a registry: " + up.err);
  return up.exit_code == 0;
}

void docker_daemon::stop_registry() {
  script("registry", "down");
}

} // namespace muster::test
