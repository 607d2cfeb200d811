#include "cli/remote/offline_tokens.hpp"

#include "cli/commands/listing.hpp"
#include "gateway/auth/issue.hpp"
#include "muster/store/writer.hpp"

#include <nlohmann/json.hpp>

namespace muster::cli {

result<nlohmann::ordered_json> create_token_offline(const context& ctx, const token_wish& wish) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return directory.failure();
  const auto now = std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  const auto made = gateway::issue_token({wish.name, wish.user, wish.role, wish.lifetime, wish.node}, now);
  if (!made)
    return made.failure();
  auto writer = store::writer::open(*directory);
  if (!writer)
    return writer.failure();
  if (auto done = writer->change_service(store::token_created{made->record}); !done)
    return done.failure();
  if (auto done = writer->commit(); !done)
    return done.failure();
  return gateway::json_of(*made);
}

} // namespace muster::cli
