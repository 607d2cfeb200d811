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

} // namespace muster::cli
