#include "gateway/auth/monitor_admission.hpp"

#include "gateway/auth/identity.hpp"
#include "gateway/auth/token.hpp"

namespace muster::gateway {

result<monitor_guest> monitor_admission::check(const std::string& token, bool is_new) {
  if (!looks_like_token(token))
    return {ec::invalid_argument, "a subscription needs a token: `muster token create` makes one"};
  const auto x = tokens_.find(token, now_());
  if (!x)
    return x.failure();
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
