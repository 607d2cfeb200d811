#pragma once

#include "cli/terminal/log_mux.hpp"
#include "gateway/client/api.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace muster::cli {

/// Of the log of one attempt, what is read.
struct log_part {
  std::string workflow;
  std::string task;
  std::uint32_t attempt = 0;
  std::optional<std::uint64_t> last_lines; ///< From so many lines before its present end on; else all of it.
  std::string only;                        ///< `stdout`, `stderr` or empty for both.
  std::optional<std::uint64_t> index;      ///< Of the task, if it is known.
};

/// One log, read in pieces: where the way to the head is lost between two of them, nothing is lost of it.
class log_pieces {
public:
  /// The most bytes of a piece.
  static constexpr std::uint64_t piece = 262'144;

  log_pieces(client::api& head, log_part what) : head_(&head), what_(std::move(what)) {}

  /// Passes on the next piece. Returns how far it has come by that; 0 where there is no more at present.
  [[nodiscard]] client::outcome<std::uint64_t> next(const std::function<void(std::string_view)>& use);

private:
  client::api* head_;
  log_part what_;
  std::uint64_t offset_ = 0;
};

/// The logs of attempts of one workflow, side by side, line by line. What it holds grows with what runs, not with what
/// is written.
class remote_logs {
public:
  /// `only` is `stdout`, `stderr` or empty for both.
  remote_logs(client::api& head, std::string workflow, log_sink sink, std::string only = {});

  /// Reads that attempt from now on; with `last_lines`, from so many lines before its present end.
  void open(const std::string& task, std::uint32_t attempt, std::optional<std::uint64_t> last_lines = {});

  /// Passes on what is new of a few of them; the others come next time. Returns whether there was anything.
  bool pump();

  /// It has ended: passes on all that is left, then forgets it. What the head has against it ends it as well; where the
  /// head is away the rest comes with a later call.
  void finish(const std::string& task, std::uint32_t attempt);

  /// The same for all of which an end is known and something is left.
  void finish_rest();

  /// What was wrong with the last read that failed otherwise than by the way to the head.
  [[nodiscard]] const std::optional<client::problem>& failure() const noexcept { return failure_; }

private:
  using key = std::pair<std::string, std::uint32_t>;
  struct followed {
    std::size_t number;
    log_pieces log;
    line_cutter lines{};
    bool ended = false;
  };
  using place = std::map<key, followed>::iterator;

  /// One piece; how many bytes it stands for.
  client::outcome<std::uint64_t> read(place at);
  /// All that is left of what has ended. False if the head is away.
  bool read_rest(place at);

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
