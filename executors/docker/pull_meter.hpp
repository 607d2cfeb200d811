#pragma once

#include "executors/docker/engine/types.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace muster::docker {

/// How far a pull is, from what the daemon says of its layers.
class pull_meter {
public:
  void add(const pull_progress& step);
  void reset() { layers_.clear(); }
  /// `34 of 80 MB`, `extracting`; empty if nothing is known. The total grows while layers are found.
  [[nodiscard]] std::string text() const;

private:
  struct layer {
    std::int64_t current = 0;
    std::int64_t total = 0; ///< Bytes; 0: not known.
    bool loaded = false;
  };
  std::map<std::string, layer> layers_; ///< Those that are not there already.
};

} // namespace muster::docker
