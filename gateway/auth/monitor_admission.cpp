#include "gateway/auth/monitor_admission.hpp"

#include "gateway/auth/identity.hpp"
#include "gateway/auth/token.hpp"

namespace muster::gateway {

result<monitor_guest> monitor_admission::check(const std::string& token, bool is_new) {
  if (!looks_like_token(token))
    return {ec::invalid_argument, "a subscription needs a token: `muster token create` makes one"};
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
  if (!x || !counts(*x, now_()))
    return {ec::invalid_argument, "the token is not valid: it is unknown, revoked or expired"};
  if (x->role == role::node)
    return {ec::invalid_argument, "this token lets an agent join as a node, and nothing else"};
  if (is_new)
    on_use_(x->id);
  monitor_guest out;
  if (sees_own_only({x->user, x->role, x->id}))
    out.only_user = x->user;
  return out;
}

} // namespace muster::gateway
