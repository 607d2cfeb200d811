#include "gateway/api/etag.hpp"

#include "muster/base/sha256.hpp"

#include <algorithm>

namespace muster::gateway {

std::string etag_of(const store::workflow_record& x) {
  constexpr std::size_t digits = 20;
  sha256 hash;
  const auto add_time = [&hash](const std::optional<timestamp>& t) {
    hash.add_field(t ? std::to_string(t->time_since_epoch().count()) : "");
  };
  hash.add_field(x.id);
  hash.add_field(to_string(x.status));
  hash.add_field(x.reason);
  for (const auto& t : {x.submitted, x.started, x.ended, x.cancel_requested})
    add_time(t);
  hash.add_field(x.cancel_message);
  return '"' + hash.hex().substr(0, digits) + '"';
}

bool may_change(const http::request& x, const store::workflow_record& now) {
  const auto [begin, end] = x.headers.equal_range("If-Match");
  if (begin == end)
    return true;
  const auto tag = etag_of(now);
  return std::any_of(begin, end, [&](const auto& header) {
    const auto& value = header.second;
    for (std::size_t at = 0; at <= value.size();) {
      const auto comma = std::min(value.find(',', at), value.size());
      auto one = value.substr(at, comma - at);
      one.erase(0, std::min(one.find_first_not_of(" \t"), one.size()));
      one.erase(one.find_last_not_of(" \t") + 1);
      if (one == "*" || one == tag)
        return true;
      at = comma + 1;
    }
    return false;
  });
}

} // namespace muster::gateway
