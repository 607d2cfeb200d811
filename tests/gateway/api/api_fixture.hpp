#pragma once

#include "actors/runtime.hpp"
#include "gateway/api/services.hpp"
#include "gateway/http/router.hpp"
#include "support/temporary_folder.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

using json = nlohmann::ordered_json;

/// What was answered, and its body where that is JSON.
struct answer {
  unsigned status = 0;
  http::header_map headers;
  std::string text;
  json body;

  /// The first header of that name; empty if there is none.
  [[nodiscard]] std::string header(const std::string& name) const;
};

/// The API over a runtime that runs nothing, without sockets.
class api_fixture {
public:
  /// `agents_join`: there is a pool `farm` beside the default one, which agents can join.
  explicit api_fixture(bool agents_join = false);

  /// Sends a request. `target` is the path with its query, percent-encoded. `headers` overrule the defaults.
  answer ask(const std::string& method, const std::string& target, const std::string& body = {},
             const std::vector<std::pair<std::string, std::string>>& headers = {}) const;
  answer get(const std::string& target) const { return ask("GET", target); }
  answer post(const std::string& target, const json& body) const;

  /// Submits a spec and checks that it is accepted; its id.
  std::string submit(const std::string& spec) const;
  /// Waits until it has ended.
  status wait(const std::string& id) const;
  /// Submits and waits.
  std::string run(const std::string& spec) const;

  /// Ends the runtime; what is left can only be read.
  void stop();

  [[nodiscard]] const std::filesystem::path& state() const { return folder_.path(); }
  [[nodiscard]] gateway::services& services() const { return *with_; }
  [[nodiscard]] const http::router& routes() const { return routes_; }

private:
  temporary_folder folder_;
  std::unique_ptr<runtime> engine_;
  std::shared_ptr<gateway::services> with_;
  http::router routes_;
};

/// A spec of `count` tasks without edges that all end at once.
[[nodiscard]] std::string spec_of(const std::string& name, std::size_t count = 1);

} // namespace muster::test
