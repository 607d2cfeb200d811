#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace muster::client {

/// Puts the lines of a stream together again. One that is longer than 8 MiB is none of a head's and is dropped.
class line_joiner {
public:
  /// Passes each line that `piece` completes, without its end; `use` says false to stop, and so does this then.
  bool feed(std::string_view piece, const std::function<bool(std::string_view)>& use);
  /// Forgets what is not complete: the connection was lost in the middle of it.
  void reset() { rest_.clear(); }

private:
  std::string rest_;
};

} // namespace muster::client
