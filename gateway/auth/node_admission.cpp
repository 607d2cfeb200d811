#include "gateway/auth/node_admission.hpp"

#include "gateway/auth/token.hpp"

#include <utility>

namespace muster::gateway {

node_admission::node_admission(store::state_directory where, std::function<timestamp()> now,
                               std::function<void(const std::string& token)> on_use)
    : where_(std::move(where)), now_(std::move(now)), on_use_(std::move(on_use)) {}

result<void> node_admission::check(const std::string& node, const std::string& token) {
  if (token.empty())
    return {ec::invalid_argument, "a token is needed to join: `muster token create --role node` on the head makes one, "
                                  "--token-file names its file"};
  if (!looks_like_token(token))
    return {ec::invalid_argument, "what the agent shows is no token: it should begin with mst_"};
  if (!reader_) {
    auto opened = store::reader::open(where_);
    if (!opened)
      return opened.failure();
    reader_.emplace(std::move(*opened));
  }
  const auto found = reader_->token_of(hash_of_token(token));
  if (!found) {
    reader_.reset();
    return found.failure();
  }
  const auto& x = *found;
  if (!x || x->revoked || (x->expires && *x->expires <= now_()))
    return {ec::invalid_argument, "the token is not valid: it is unknown, revoked or expired"};
  if (x->role != store::role::node)
    return {ec::invalid_argument, "this token is of the role " + std::string{to_string(x->role)} +
                                      ", and nodes join by one of the role node"};
  if (!x->node.empty() && x->node != node)
    return {ec::invalid_argument, "this token lets node " + x->node + " join, and not " + node};
  on_use_(x->id);
  return {};
}

} // namespace muster::gateway
