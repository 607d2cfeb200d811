#pragma once

#include "docker_subject.hpp"

#include "executors/docker/docker_driver.hpp"
#include "support/catch.hpp"
#include "support/log_text.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace muster::test {

/// The Docker driver with a real daemon, and a state directory of its own. What it leaves at the daemon is removed.
class real_bench {
public:
  explicit real_bench(std::filesystem::path socket, const std::function<void(docker_pool_config&)>& change = {})
      : socket_(std::move(socket)), config_(docker_test_config(socket_, dir.path())) {
    if (change)
      change(config_);
    make();
  }
  ~real_bench() {
    driver_.reset();
    remove_everything(socket_, dir.path());
  }
  real_bench(const real_bench&) = delete;
  real_bench& operator=(const real_bench&) = delete;
  driver* operator->() { return driver_.get(); }

  [[nodiscard]] attempt_spec spec(const std::string& script, std::uint32_t task = 0, std::uint32_t members = 1) const {
    auto out = make_spec(dir.path(), task);
    say_shell(out, script);
    const auto base = members == 1 ? shared_block(*offers.addresses)->base : offers.addresses->range.base + (1U << 12U);
    const auto address = [&](std::uint32_t n) { return ipv4_to_text(base + 2 + n); };
    out.address = address(task);
    out.peers = {{out.task.name, out.address}};
    for (std::uint32_t n = 0; members > 1 && n < members; ++n)
      out.peers["t" + std::to_string(n)] = address(n);
    if (members > 1)
      out.group = "gang";
    return out;
  }
  [[nodiscard]] std::string name(std::uint32_t task = 0) const {
    return "muster-" + config_.head + "-1-" + std::to_string(task) + "-0";
  }
  attempt_id running(const attempt_spec& x) {
    driver_->prepare(x);
    check(heard->wait_prepared(x.id).prepared);
    driver_->start(x.id);
    check(heard->wait_started(x.id).started);
    return x.id;
  }
  /// The code with which it ends; its log if that is not 0.
  int run(const attempt_spec& x) {
    const auto seen = heard->wait_end(running(x));
    REQUIRE(seen.exited.has_value());
    INFO(log_of(x) << '\n' << seen.exited->message);
    CHECK(seen.exited->code == 0);
    return seen.exited->code;
  }
  static std::string log_of(const attempt_spec& x) { return content(x.folder.string() + ".log"); }
  void restart() {
    driver_.reset();
    heard = std::make_unique<recorder>();
    make();
  }
  void end() { driver_.reset(); }
  [[nodiscard]] std::size_t left() const { return count_everything(socket_, dir.path()); }
  [[nodiscard]] std::string state_of(std::uint32_t task) const { return container_state(socket_, name(task)); }

  temporary_folder dir;
  std::unique_ptr<recorder> heard = std::make_unique<recorder>();
  capabilities offers;

private:
  static void check(const std::optional<result<void>>& said) {
    REQUIRE(said.has_value());
    CHECK((said->ok() ? std::string{} : said->failure().message) == std::string{});
  }
  void make() {
    driver_ = make_docker_driver(config_);
    auto found = driver_->probe();
    INFO((found ? std::string{} : found.failure().message));
    REQUIRE(found.ok());
    offers = *std::move(found);
    driver_->listen(*heard);
  }

  std::filesystem::path socket_;
  docker_pool_config config_;
  std::unique_ptr<driver> driver_;
};

} // namespace muster::test
