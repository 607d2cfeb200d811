#include "cli/commands/flow_state.hpp"

#include "cli/commands/listing.hpp"

#include <nlohmann/json.hpp>

#include <utility>

namespace muster::cli {

nlohmann::ordered_json state_json(const picture::step_state& x) {
  nlohmann::ordered_json out{{"path", x.path}, {"kind", x.kind}, {"status", to_string(x.status)}, {"reason", x.reason}};
  if (x.is_foreach)
    out["elements"] = {{"total", x.elements}, {"completed", x.completed}, {"running", x.running},
                       {"queued", x.queued},  {"failed", x.failed},       {"skipped", x.skipped}};
  if (x.rounds > 0)
    out["rounds"] = x.rounds;
  if (x.began || x.ended) {
    out["running"] = json_time(x.began);
    out["ended"] = json_time(x.ended);
  }
  if (!x.failures.empty()) {
    auto failures = nlohmann::ordered_json::array();
    for (const auto& one : x.failures)
      failures.push_back({{"path", one.path}, {"status", to_string(one.status)}, {"reason", one.reason}});
    out["failures"] = std::move(failures);
    out["more_failures"] = x.more_failures;
  }
  auto inner = nlohmann::ordered_json::array();
  for (const auto& one : x.inner)
    inner.push_back(state_json(one));
  out["inner"] = std::move(inner);
  return out;
}

} // namespace muster::cli
