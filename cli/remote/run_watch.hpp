#pragma once

#include "cli/remote/connection.hpp"
#include "gateway/client/api.hpp"
#include "muster/store/layout.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <optional>
#include <string>

/// Whether anybody works on what a state directory of this machine has.
namespace muster::cli {

/// Why a workflow that has not ended does not go on, and what helps.
[[nodiscard]] std::string nobody_runs(const std::string& id);

/// The same as an answer to whoever waits for the end of `workflow`, which is as the API has it.
[[nodiscard]] client::problem nobody_runs(const nlohmann::ordered_json& workflow);

/// Asks whether the workflows that the user means are worked on.
class run_probe {
public:
  run_probe(const context& ctx, const head_choice& choice);

  /// True also where that cannot be told: of a head that is named by an address, the address is asked.
  [[nodiscard]] bool is_run() const;

private:
  std::optional<store::state_directory> directory_;
};

/// For whoever waits for the end of one workflow.
class run_watch {
public:
  run_watch(const run_probe& probe, std::string id) : probe_(probe), id_(std::move(id)) {}

  /// False where nobody runs it. Who has just seen it run gives a head some time to come back, and is told so. To be
  /// asked before the workflow is looked at: who has run it to its end may be gone right after.
  bool goes_on();

private:
  using clock = std::chrono::steady_clock;

  const run_probe& probe_;
  std::string id_;
  std::optional<clock::time_point> asked_;
  std::optional<clock::time_point> last_run_;
  bool goes_on_ = true;
  bool told_ = false;
};

} // namespace muster::cli
