#pragma once

#include "cli/terminal/log_mux.hpp"
#include "gateway/client/api.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace muster::cli {

/// The logs of attempts of one workflow, read from a head in pieces, side by side. What it holds grows with what runs,
/// not with what is written.
class remote_logs {
public:
  /// `only` is `stdout`, `stderr` or empty for both.
  remote_logs(client::api& head, std::string workflow, log_sink sink, std::string only = {});

  /// Reads that attempt from now on; with `last_lines`, from so many lines before its present end.
  void open(const std::string& task, std::uint32_t attempt, std::optional<std::uint64_t> last_lines = {});
  [[nodiscard]] bool is_open(const std::string& task, std::uint32_t attempt) const;

  /// Passes on what is new of a few of them; the others come next time. Returns whether there was anything.
  bool pump();

  /// It has ended: passes on all that is left, then forgets it. What the head has against it ends it as well.
  void finish(const std::string& task, std::uint32_t attempt);

  /// What was wrong with the last read that failed otherwise than by the way to the head.
  [[nodiscard]] const std::optional<client::problem>& failure() const noexcept { return failure_; }

private:
  using key = std::pair<std::string, std::uint32_t>;
  struct followed {
    std::size_t number = 0;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> last_lines;
    line_cutter lines;
  };

  /// One piece; how many bytes it had, or nothing if it could not be had.
  std::optional<std::size_t> read(const key& which, followed& x);

  client::api& head_;
  std::string workflow_;
  log_sink sink_;
  std::string only_;
  std::map<key, followed> open_;
  key next_; ///< Whose turn it is.
  std::size_t numbers_ = 0;
  std::optional<client::problem> failure_;
};

} // namespace muster::cli
