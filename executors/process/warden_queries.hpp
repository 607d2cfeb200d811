#pragma once

#include "executors/driver.hpp"
#include "executors/process/warden/protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace muster::process {

/// Questions to a warden about what became of attempts, which it answers in the order in which they were asked. For one
/// thread.
class warden_queries {
public:
  /// What became of each attempt, in order; null: the warden has gone without an answer.
  using handler = std::function<void(const std::vector<adoption>*)>;

  /// Asks about attempts, in pieces that the warden takes; frames to send are appended to `unsent`. `answered` may ask
  /// again. Of no attempts the answer is there at once.
  void ask(const std::vector<wire::query_item>& about, std::string& unsent, handler answered);

  /// The warden has answered the oldest piece.
  void take(const std::vector<std::uint8_t>& answer);

  /// The warden is gone: what is open is answered so.
  void give_up();

private:
  struct piece {
    std::size_t count = 0;
    handler answered;
  };
  std::deque<piece> open_;
};

} // namespace muster::process
