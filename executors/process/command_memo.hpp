#pragma once

#include "executors/process/environment.hpp"

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace muster::process {

/// Where commands were found lately. Looking through the folders of PATH costs more than all else of preparing a short
/// task. Whoever asks within `age` of a look is answered as if both had asked at once, so this is for attempts that
/// nothing comes before: what one of them installs is not for another to find.
class command_memo {
public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds age{20};

  /// As `find_command`. What is not found, or cannot run, is looked for each time.
  [[nodiscard]] found_command find(const std::string& name, const std::string& path, time_point now);

private:
  struct entry {
    std::string program;
    time_point found;
  };

  std::map<std::pair<std::string, std::string>, entry> known_; ///< By name and PATH.
};

} // namespace muster::process
