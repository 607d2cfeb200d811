#pragma once

#include "cli/commands/listing.hpp"
#include "cli/remote/connection.hpp"
#include "gateway/client/api.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What `show`, `logs`, `events` and `explain` print of a head elsewhere: the same as of a state directory of this
/// machine, from the API. Each returns the exit code.
namespace muster::cli {

struct head_show {
  std::string id;
  std::string task;
  std::vector<status> statuses;
  list_format format = list_format::table;
};
int show_on_head(client::api& head, const head_show& what);

struct head_logs {
  std::string id;
  std::string task;
  std::optional<std::uint64_t> lines;
  std::optional<std::uint32_t> attempt;
  std::string only; ///< `stdout`, `stderr` or empty.
  bool follow = false;
};
int logs_on_head(const context& ctx, const head_choice& choice, const head_logs& what);

struct head_events {
  std::string id;
  std::uint64_t after = 0;
  bool follow = false;
  list_format format = list_format::table;
};
int events_on_head(client::api& head, const head_events& what);

int explain_on_head(client::api& head, const std::string& id, const std::string& task);

} // namespace muster::cli
