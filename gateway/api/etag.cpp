#include "gateway/api/etag.hpp"

#include "gateway/http/range.hpp"
#include "muster/base/sha256.hpp"
#include "muster/config/policy_patch.hpp"

#include <algorithm>

namespace muster::gateway {

namespace {

constexpr std::size_t digits = 20;

std::string tag_of(sha256& hash) {
  return '"' + hash.hex().substr(0, digits) + '"';
}

} // namespace

std::string etag_of(const store::workflow_record& x) {
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
  return tag_of(hash);
}

std::string etag_of(const config::pool_policy& policy, const std::vector<std::string>& overrides) {
  sha256 hash;
  hash.add_field(config::to_json(policy));
  for (const auto& key : overrides)
    hash.add_field(key);
  return tag_of(hash);
}

bool may_change(const http::request& x, const std::string& tag) {
  const auto [begin, end] = x.headers.equal_range("If-Match");
  if (begin == end)
    return true;
  return std::any_of(begin, end, [&](const auto& header) { return http::names_tag(header.second, tag, false); });
}

} // namespace muster::gateway
