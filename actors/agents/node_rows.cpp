#include "actors/agents/node_rows.hpp"

#include "muster/event/json.hpp"

#include <algorithm>
#include <utility>

namespace muster::agent {

bool is_node_name(const std::string& x) {
  constexpr std::size_t longest = 253; // As host names have it.
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !x.empty() && x.size() <= longest && x.front() != '.' && std::all_of(x.begin(), x.end(), allowed);
}

store::node_record row_of(const hello& x, timestamp now) {
  store::node_record out;
  out.name = x.node;
  out.pool = x.pool;
  out.memory = x.memory;
  out.offered = x.offered;
  out.platform = x.platform;
  out.labels = x.labels;
  out.address = x.address;
  out.first_seen = out.last_seen = now;
  return out;
}

bool has_same_offer(const store::node_record& known, const store::node_record& now) {
  return known.memory == now.memory && known.offered == now.offered && known.platform == now.platform &&
         known.labels == now.labels && known.address == now.address;
}

void take_offer(store::node_record& known, const store::node_record& now) {
  known.pool = now.pool;
  known.memory = now.memory;
  known.since = now.since;
  known.offered = now.offered;
  known.platform = now.platform;
  known.labels = now.labels;
  known.address = now.address;
  known.last_seen = now.last_seen;
}

fleet_change change_of(const store::node_record& x, fleet_change::kind what, std::string why) {
  fleet_change out;
  out.node = x.name;
  out.what = what;
  out.duty = x.duty;
  out.why = std::move(why);
  if (out.why.empty() && x.duty != store::node_duty::serving)
    out.why = x.reason;
  if (x.duty == store::node_duty::draining && x.deadline && what == fleet_change::kind::ready)
    out.why +=
        (out.why.empty() ? "" : "; ") + std::string{"what still runs there leaves at "} + to_rfc3339(*x.deadline);
  out.platform = x.platform;
  out.labels = x.labels;
  out.address = x.address;
  return out;
}

} // namespace muster::agent
