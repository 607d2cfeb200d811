#pragma once

#include "actors/agents/outbox.hpp"
#include "muster/base/result.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

/// Commands and reports as they travel.
namespace muster::agent {

/// Queues a command for an agent; `root` is the head's state directory. Fails with what keeps a description from being
/// sent: `invalid_argument`, or `limit_exceeded` beyond `most_description`.
[[nodiscard]] result<void> queue(outbox<commands>& to, const node_command& x, const std::filesystem::path& root);

/// Queues a report for the head, with a large result in pieces.
void queue(outbox<reports>& to, const node_report& x, reports_kind kind);

/// Puts commands together again.
class command_reader {
public:
  explicit command_reader(std::filesystem::path root) : root_(std::move(root)) {}
  /// Nothing for a piece. Fails with `invalid_argument` for what is no command.
  [[nodiscard]] result<std::optional<node_command>> read(command x);
  /// Forgets what was begun in an earlier session.
  void clear() { pieces_.clear(); }

private:
  std::filesystem::path root_;
  std::unordered_map<attempt_id, std::string> pieces_; ///< Of what is not complete.
};

/// Puts reports together again. Keeps at most one that is not complete.
class report_reader {
public:
  /// Nothing for a piece. Fails with `invalid_argument` where something comes between the pieces of a result, and with
  /// `limit_exceeded` beyond `most_result`.
  [[nodiscard]] result<std::optional<node_report>> read(report x);
  /// Forgets what was begun in an earlier session.
  void clear() { begun_.reset(); }

private:
  struct begun {
    attempt_id id;
    epoch lease;
    std::string text;
  };
  std::optional<begun> begun_;
};

} // namespace muster::agent
