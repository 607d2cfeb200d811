#include "cli/serve/own_audit.hpp"

#include "muster/base/log.hpp"
#include "muster/store/service.hpp"

#include <chrono>

namespace muster::cli {

namespace {

timestamp wall_clock() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

} // namespace

result<void> audited(runtime& engine, const char* action, const std::string& target,
                     const std::function<result<void>()>& what) {
  store::audit_record row;
  row.time = wall_clock();
  row.peer = "head";
  row.action = action;
  row.target = target;
  const auto number = engine.record(store::audit_begun{std::move(row)});
  if (!number)
    log::warn("serve", "audit log has no row of what the head does",
              {{"action", action}, {"target", target}, {"why", number.failure().message}});
  auto done = what();
  if (number)
    engine.note(
        store::audit_ended{*number, done ? "ok" : std::string{to_string(done.failure().code)}, wall_clock(), {}});
  return done;
}

} // namespace muster::cli
