#include "driver_bench.hpp"

#include "support/catch.hpp"

namespace muster::test {

driver_bench::driver_bench(const std::function<void(docker_pool_config&)>& change) {
  engine.add_image("busybox:latest");
  config_.host = engine.host();
  config_.state_directory = dir.path();
  config_.head = "00112233aabb";
  config_.range = *parse_ipv4_block("10.213.0.0/16");
  if (change)
    change(config_);
  make();
}

void driver_bench::make() {
  driver_ = make_docker_driver(config_);
  const auto found = driver_->probe();
  INFO((found ? std::string{} : found.failure().message));
  REQUIRE(found.ok());
  driver_->listen(*heard);
}

void driver_bench::restart() {
  crash();
  heard = std::make_unique<recorder>();
  make();
}

attempt_spec driver_bench::spec(std::uint32_t task, std::uint32_t members) const {
  auto out = make_spec(dir.path(), task);
  out.task.image = "busybox";
  out.task.command = {"true"};
  if (members == 1) {
    out.address = "10.213.0." + std::to_string(2 + task);
    out.peers = {{out.task.name, out.address}};
    return out;
  }
  out.group = "gang";
  out.address = "10.213.16." + std::to_string(2 + task);
  for (std::uint32_t i = 0; i < members; ++i)
    out.peers["t" + std::to_string(i)] = "10.213.16." + std::to_string(2 + i);
  return out;
}

std::string driver_bench::name(std::uint32_t task) const {
  return "muster-" + config_.head + "-1-" + std::to_string(task) + "-0";
}

attempt_id driver_bench::prepared(const attempt_spec& x) {
  driver_->prepare(x);
  CHECK(fault_of(heard->wait_prepared(x.id).prepared).empty());
  return x.id;
}

attempt_id driver_bench::running(const attempt_spec& x) {
  driver_->start(prepared(x));
  CHECK(fault_of(heard->wait_started(x.id).started).empty());
  return x.id;
}

std::string fault_of(const std::optional<result<void>>& said) {
  return !said ? "nothing was said" : said->ok() ? std::string{} : said->failure().message;
}

ec code_of(const std::optional<result<void>>& said) {
  return !said || said->ok() ? ec::none : said->failure().code;
}

} // namespace muster::test
