#pragma once

#include "drivers/harness.hpp"
#include "executors/docker/docker_driver.hpp"
#include "support/fake_engine.hpp"
#include "support/temporary_folder.hpp"

#include <memory>
#include <string>

namespace muster::test {

/// A Docker driver over a fake Engine.
class driver_bench {
public:
  explicit driver_bench(const std::function<void(docker_pool_config&)>& change = {});
  driver* operator->() { return driver_.get(); }

  /// An attempt alone in its group, or a member of one of `members`.
  [[nodiscard]] attempt_spec spec(std::uint32_t task = 0, std::uint32_t members = 1) const;
  /// The name of its container.
  [[nodiscard]] std::string name(std::uint32_t task = 0) const;
  /// Prepared without a fault.
  attempt_id prepared(const attempt_spec& x);
  /// Started without a fault.
  attempt_id running(const attempt_spec& x);
  /// The driver goes, as with a crash.
  void crash() { driver_.reset(); }
  /// The same, and another one comes; what was heard before is forgotten.
  void restart();

  fake_engine engine;
  temporary_folder dir;
  std::unique_ptr<recorder> heard = std::make_unique<recorder>();

private:
  void make();
  docker_pool_config config_;
  std::unique_ptr<driver> driver_;
};

/// What went wrong; empty if nothing did, `nothing was said` if there is none.
[[nodiscard]] std::string fault_of(const std::optional<result<void>>& said);
[[nodiscard]] ec code_of(const std::optional<result<void>>& said);

} // namespace muster::test
