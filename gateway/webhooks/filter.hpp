#pragma once

#include "gateway/events/filter.hpp"
#include "muster/base/result.hpp"
#include "muster/store/service.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace muster::gateway {

/// Which events a webhook wants, as it is stored: names as its owner wrote them, and keys that stay good when a
/// workflow is deleted.
struct webhook_filter {
  std::vector<std::string> types;
  std::vector<std::string> workflows; ///< Ids.
  std::vector<workflow_key> keys;     ///< Of these workflows.
};

/// What is kept of it in `webhook_record::filter`, and what is shown, which has no keys.
[[nodiscard]] std::string to_text(const webhook_filter& x);
[[nodiscard]] nlohmann::ordered_json to_public_json(const webhook_filter& x);

/// The inverse of `to_text`; what it did not write lets nothing through.
[[nodiscard]] webhook_filter webhook_filter_from(const std::string& text);

/// What a webhook gets: its filter, and what its owner may see.
[[nodiscard]] event_filter filter_of(const store::webhook_record& x);

} // namespace muster::gateway
