#pragma once

#include "actors/runtime.hpp"
#include "gateway/auth/token_lookup.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/layout.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

namespace muster::gateway {

/// Says who may join as a node: holders of a token of the role `node`, and of the certificate of that node where the
/// connection is encrypted. For one thread.
class node_admission {
public:
  struct settings {
    bool tokens = true;              ///< Else nobody is asked for one.
    std::filesystem::path authority; ///< Not empty: it must have made the certificate of a node. PEM.
    std::function<timestamp()> now;
    std::function<void(const std::string& token)> on_use; ///< Told of each token that let somebody in.
  };
  node_admission(store::state_directory where, settings how) : tokens_(std::move(where)), how_(std::move(how)) {}

  /// Fails with `invalid_argument` if token and certificate do not let it in as that node, or with what the store
  /// reports.
  [[nodiscard]] result<void> check(const node_applicant& x);

private:
  [[nodiscard]] result<void> check_token(const std::string& node, const std::string& token);
  [[nodiscard]] result<void> check_certificate(const node_applicant& x) const;

  token_lookup tokens_;
  settings how_;
};

} // namespace muster::gateway
