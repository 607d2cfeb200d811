#include "api_fixture.hpp"

#include "executors/null/null_driver.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/http/target.hpp"
#include "support/api_contract.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cctype>

namespace muster::test {

std::string answer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string{} : found->second;
}

api_fixture::api_fixture(bool agents_join) {
  runtime_config config;
  config.state_directory = folder_.path();
  pool_setup pool;
  pool.executor = make_null_driver();
  config.pools.push_back(std::move(pool));
  if (agents_join) {
    pool_setup farm;
    farm.name = "farm";
    farm.agents.emplace();
    config.pools.push_back(std::move(farm));
    config.with_network = true;
  }
  config.any_pool_name = false;
  config.can_edit_policies = true;
  auto started = runtime::start(std::move(config));
  if (!started)
    FAIL(started.failure().message);
  engine_ = std::move(*started);
  if (agents_join)
    REQUIRE(engine_->publish_agents("127.0.0.1", 0, [](const node_applicant&) { return result<void>{}; }));
  with_ = std::make_shared<gateway::services>(store::state_directory{folder_.path()});
  with_->engine = engine_.get();
  routes_ = gateway::make_routes(with_);
}

answer api_fixture::ask(const std::string& method, const std::string& target, const std::string& body,
                        const std::vector<std::pair<std::string, std::string>>& headers) const {
  auto parsed = http::parse_target(target);
  if (!parsed)
    FAIL(parsed.failure().message);
  http::request x;
  x.method = method;
  x.path = std::move(parsed->path);
  x.parts = std::move(parsed->parts);
  x.query = std::move(parsed->query);
  x.body = body;
  x.peer = "127.0.0.1";
  x.peer_is_local = true;
  x.id = "r1";
  for (const auto& [name, value] : headers)
    x.headers.emplace(name, value);
  if (x.headers.count("Host") == 0)
    x.headers.emplace("Host", "127.0.0.1:7717");
  const auto pattern = routes_.pattern_of(x);
  auto got = routes_.route(x);
  answer out{got.status, std::move(got.headers), std::move(got.body), nullptr};
  api_contract::exchange seen{method, pattern, out.status, {}, out.text};
  for (const auto& [name, value] : out.headers) {
    auto key = name;
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    seen.headers.emplace(std::move(key), value);
  }
  for (const auto& problem : api_contract::instance().check(seen))
    FAIL_CHECK(method << ' ' << target.substr(0, 200) << " is not answered as docs/openapi.yaml says: " << problem
                      << '\n'
                      << out.text.substr(0, 2000));
  if (out.header("Content-Type").find("json") != std::string::npos)
    out.body = json::parse(out.text);
  return out;
}

answer api_fixture::post(const std::string& target, const json& body) const {
  return ask("POST", target, body.dump(), {{"Content-Type", "application/json"}});
}

std::string api_fixture::submit(const std::string& spec) const {
  const auto got = ask("POST", "/v1/workflows", spec, {{"Content-Type", "application/yaml"}});
  INFO(got.text);
  REQUIRE(got.status == 201);
  return got.body["id"];
}

status api_fixture::wait(const std::string& id) const {
  auto reader = store::reader::open(store::state_directory{folder_.path()});
  REQUIRE(reader);
  const auto record = reader->workflow(id);
  REQUIRE(record);
  const auto end = engine_->wait(record->key, std::chrono::steady_clock::now() + std::chrono::seconds{60});
  REQUIRE(end);
  return *end;
}

std::string api_fixture::run(const std::string& spec) const {
  auto id = submit(spec);
  (void)wait(id);
  return id;
}

void api_fixture::stop() {
  with_->engine = nullptr;
  engine_.reset();
}

std::string spec_of(const std::string& name, std::size_t count) {
  std::string text = "workflow:\n  name: " + name + "\n  tasks:\n";
  for (std::size_t i = 0; i < count; ++i)
    text += "  - {name: t" + std::to_string(i) + ", image: none, command: [\"true\"]}\n";
  return text;
}

} // namespace muster::test
