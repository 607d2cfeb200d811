#include "gateway/auth/node_admission.hpp"

#include "gateway/auth/certificates.hpp"
#include "gateway/auth/token.hpp"

namespace muster::gateway {

result<void> node_admission::check(const node_applicant& x) {
  if (!how_.authority.empty())
    if (auto good = check_certificate(x); !good)
      return good;
  return how_.tokens ? check_token(x.node, x.token) : result<void>{};
}

result<void> node_admission::check_certificate(const node_applicant& x) const {
  const auto name = check_proof(how_.authority, {x.certificate, x.signature}, x.statement);
  if (!name)
    return name.failure();
  if (*name != x.node)
    return {ec::invalid_argument, "the certificate is that of node " + *name + ", and not of " + x.node};
  return {};
}

result<void> node_admission::check_token(const std::string& node, const std::string& token) {
  if (token.empty())
    return {ec::invalid_argument, "a token is needed to join: `muster token create --role node` on the head makes one, "
                                  "--token-file names its file"};
  if (!looks_like_token(token))
    return {ec::invalid_argument, "what the agent shows is no token: it should begin with mst_"};
  const auto x = tokens_.find(token, how_.now());
  if (!x)
    return x.failure();
  if (x->role != store::role::node)
    return {ec::invalid_argument, "this token is of the role " + std::string{to_string(x->role)} +
                                      ", and nodes join by one of the role node"};
  if (!x->node.empty() && x->node != node)
    return {ec::invalid_argument, "this token lets node " + x->node + " join, and not " + node};
  how_.on_use(x->id);
  return {};
}

} // namespace muster::gateway
