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
  store::audit_record row;
  row.time = now;
  row.peer = "this machine";
  row.action = "token.create";
  const auto number = writer->change_service(store::audit_begun{std::move(row)});
  if (!number)
    return number.failure();
  for (const store::service_change& x : {store::service_change{store::token_created{made->record}},
                                         {store::audit_ended{*number, "ok", now, made->record.id}}})
    if (auto done = writer->change_service(x); !done)
      return done.failure();
  if (auto done = writer->commit(); !done)
    return done.failure();
  return gateway::json_of(*made);
}

} // namespace muster::cli
