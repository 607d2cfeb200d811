#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <functional>
#include <optional>
#include <string>

namespace muster::gateway {

/// Says who may join as a node: holders of a token of the role `node`. For one thread.
class node_admission {
public:
  /// `on_use` is told of each token that let somebody in.
  node_admission(store::state_directory where, std::function<timestamp()> now,
                 std::function<void(const std::string& token)> on_use);

  /// Fails with `invalid_argument` if that token does not let `node` in, or with what the store reports.
  [[nodiscard]] result<void> check(const std::string& node, const std::string& token);

private:
  store::state_directory where_;
  std::optional<store::reader> reader_;
  std::function<timestamp()> now_;
  std::function<void(const std::string& token)> on_use_;
};

} // namespace muster::gateway
