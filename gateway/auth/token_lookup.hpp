#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/service.hpp"

#include <optional>
#include <string>
#include <utility>

namespace muster::gateway {

/// Finds tokens in the store, for whoever lets somebody in beside the HTTP API. For one thread; blocks on files.
class token_lookup {
public:
  explicit token_lookup(store::state_directory where) : where_(std::move(where)) {}

  /// The record of a token that has the form of one. Fails with `invalid_argument` for one that does not count at that
  /// time, or with what the store reports; it is opened anew then.
  [[nodiscard]] result<store::token_record> find(const std::string& token, timestamp now);

private:
  store::state_directory where_;
  std::optional<store::reader> reader_; ///< Opened when it is needed first.
};

} // namespace muster::gateway
