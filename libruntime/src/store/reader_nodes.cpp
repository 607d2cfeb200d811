#include "labels_text.hpp"
#include "projection.hpp"
#include "reader_impl.hpp"

namespace muster::store {

std::string_view to_string(node_duty x) noexcept {
  switch (x) {
    case node_duty::serving: return "serving";
    case node_duty::cordoned: return "cordoned";
    case node_duty::draining: return "draining";
    case node_duty::unspecified: break;
  }
  return "unspecified";
}

namespace {

node_record node_at(const sqlite::statement& q) {
  node_record x;
  x.name = q.text(0);
  x.pool = q.text(1);
  x.memory = q.text(2);
  x.since = {static_cast<std::uint64_t>(q.integer(3))};
  x.offered = q.text(4);
  x.platform = q.text(5);
  x.labels = labels_of(q.text(6));
  x.address = q.text(7);
  x.duty = static_cast<node_duty>(q.integer(8));
  x.reason = q.text(9);
  x.deadline = time_at(q, 10);
  x.first_seen = from_micros(q.integer(11));
  x.last_seen = from_micros(q.integer(12));
  return x;
}

} // namespace

result<std::vector<node_record>> reader::nodes() {
  auto prepared = impl_->statement("SELECT name, pool, memory, since, offered, platform, labels, address, duty, "
                                   "reason, deadline, first_seen, last_seen FROM node ORDER BY name");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  std::vector<node_record> out;
  int code = SQLITE_ROW;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back(node_at(q));
  if (code != SQLITE_DONE)
    return impl_->failed("listing nodes");
  return out;
}

result<std::map<std::string, std::string>> reader::pool_policies() {
  auto prepared = impl_->statement("SELECT pool, policy FROM pool_policy ORDER BY pool");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  std::map<std::string, std::string> out;
  int code = SQLITE_ROW;
  while ((code = q.step()) == SQLITE_ROW)
    out.emplace(q.text(0), q.text(1));
  if (code != SQLITE_DONE)
    return impl_->failed("listing policies of pools");
  return out;
}

result<std::vector<pool_record>> reader::pools() {
  auto prepared = impl_->statement("SELECT number, name, settings, created FROM pool ORDER BY number");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  std::vector<pool_record> out;
  int code = SQLITE_ROW;
  while ((code = q.step()) == SQLITE_ROW)
    out.push_back({q.integer(0), std::string{q.text(1)}, std::string{q.text(2)}, from_micros(q.integer(3))});
  if (code != SQLITE_DONE)
    return impl_->failed("listing pools");
  return out;
}

} // namespace muster::store
