#pragma once

#include "cli/commands/commands.hpp"
#include "cli/remote/connection.hpp"
#include "gateway/client/api.hpp"

#include <functional>
#include <string>

namespace muster::cli {

/// How a workflow on a head is shown until its end.
struct remote_run_options {
  std::string output = "text"; ///< `text` or `json`.
  std::string timeout;         ///< As written; empty for none.
  bool quiet = false;
  bool detach = false; ///< It is not shown: its id is printed.
};

/// Gives a workflow to a head: its id, or the exit code if there is none.
struct given_workflow {
  std::string id;
  int code = 0;
};
using give = std::function<given_workflow(client::api&)>;

/// Gives a workflow to the head that `choice` means, shows it until it ends, and says how it went; like `run_locally`:
/// the first SIGINT, SIGTERM or SIGHUP cancels it, the second kills its tasks, the third leaves it to the head. Returns
/// the exit code.
int run_on_head(const context& ctx, const head_choice& choice, const remote_run_options& options, const give& begin);

} // namespace muster::cli
