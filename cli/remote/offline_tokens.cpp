#include "cli/remote/offline_tokens.hpp"

namespace muster::cli {

result<nlohmann::ordered_json> create_token_offline(const context& /*ctx*/, const token_wish& /*wish*/) {
  return {ec::unsupported, "tokens are not there yet; a head on loopback runs without, see 'muster serve --no-auth'"};
}

} // namespace muster::cli
