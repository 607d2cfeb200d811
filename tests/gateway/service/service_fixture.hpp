#pragma once

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "gateway/service.hpp"
#include "raw_client.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace muster::test {

/// A service that listens on a port of its own, over a runtime that runs nothing.
class service_fixture {
public:
  using adjustment = std::function<void(gateway::service_config&)>;

  explicit service_fixture(gateway::access_config access = {false, {}}, bool open = true,
                           const adjustment& adjust = {}) {
    runtime_config config;
    config.state_directory = folder_.path();
    pool_setup pool;
    pool.executor = make_null_driver();
    config.pools.push_back(std::move(pool));
    auto started = runtime::start(std::move(config));
    if (!started)
      FAIL(started.failure().message);
    engine_ = *std::move(started);
    gateway::service_config settings{store::state_directory{folder_.path()}, {}, std::move(access), "1.2.3"};
    if (adjust)
      adjust(settings);
    auto listening = gateway::service::listen(std::move(settings), *engine_);
    if (!listening)
      FAIL(listening.failure().message);
    service_ = *std::move(listening);
    if (!open)
      return;
    REQUIRE(service_->open());
    service_->set_not_ready({});
  }

  [[nodiscard]] gateway::service& service() { return *service_; }
  [[nodiscard]] raw_answer ask(const std::string& request) { return test::ask(service_->port(), request); }

private:
  temporary_folder folder_;
  std::unique_ptr<runtime> engine_;
  std::unique_ptr<gateway::service> service_;
};

} // namespace muster::test
