#pragma once

#include "cli/commands/spec_input.hpp"
#include "gateway/client/api.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace muster::cli {

/// What a submission to a head may say beside the spec.
struct submit_extras {
  std::string pool;
  std::vector<std::string> labels; ///< `key=value`
  bool no_cache = false;
  std::string priority; ///< Empty: nobody named one.
};

/// Adds `--priority`.
void add_priority(CLI::App& command, std::string& into);

/// Adds `--pool`, `--label`, `--priority`, `--no-cache`.
void add_submit_extras(CLI::App& command, submit_extras& extras);

/// What became of a submission.
struct submitted {
  std::optional<nlohmann::ordered_json> answer; ///< None: it was refused, and the user was told why.
  std::string id;
  int code = 0; ///< The exit code if it was refused.
};

/// Checks the spec here, with the files that it names, and submits it. Sent again if the answer is lost; it is accepted
/// once all the same. Warnings and notes go to stderr.
[[nodiscard]] submitted submit_to(client::api& head, const spec_input& input, const submit_extras& extras);

/// Says on stderr that there is no head, or why it cannot be asked; returns the exit code.
int report_no_head(const error& problem);

} // namespace muster::cli
