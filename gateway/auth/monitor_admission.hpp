#pragma once

#include "actors/runtime.hpp"
#include "gateway/auth/token_lookup.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"

#include <functional>
#include <string>
#include <utility>

namespace muster::gateway {

/// Says what a monitor in another process may see: by its token, as over HTTP. For one thread.
class monitor_admission {
public:
  /// `on_use` is told of each token that let somebody in.
  monitor_admission(store::state_directory where, std::function<timestamp()> now,
                    std::function<void(const std::string& token)> on_use)
      : tokens_(std::move(where)), now_(std::move(now)), on_use_(std::move(on_use)) {}

  /// Fails with `invalid_argument` for a token that lets nobody in, or with what the store reports. `is_new`: it is not
  /// asked once more about somebody who is in already.
  [[nodiscard]] result<monitor_guest> check(const std::string& token, bool is_new);

private:
  token_lookup tokens_;
  std::function<timestamp()> now_;
  std::function<void(const std::string&)> on_use_;
};

} // namespace muster::gateway
