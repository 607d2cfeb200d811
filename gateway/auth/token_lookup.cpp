#include "gateway/auth/token_lookup.hpp"

#include "gateway/auth/identity.hpp"
#include "gateway/auth/token.hpp"

namespace muster::gateway {

result<store::token_record> token_lookup::find(const std::string& token, timestamp now) {
  if (!reader_) {
    auto opened = store::reader::open(where_);
    if (!opened)
      return opened.failure();
    reader_.emplace(std::move(*opened));
  }
  auto found = reader_->token_of(hash_of_token(token));
  if (!found) {
    reader_.reset();
    return found.failure();
  }
  if (!*found || !counts(**found, now))
    return error{ec::invalid_argument, "the token is not valid: it is unknown, revoked or expired"};
  return **std::move(found);
}

} // namespace muster::gateway
