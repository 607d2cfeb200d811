#pragma once

#include "executors/driver.hpp"

#include <optional>

namespace muster {

/// What a driver is besides whose machine may come to offer something else while it runs.
class changing_offer {
public:
  virtual ~changing_offer() = default;

  /// Looks at the GPUs again, by the rules of `driver::probe`: what is offered now if that has changed since it was
  /// said last, else nothing. What runs on one that is not offered any more goes on. May block for seconds; called
  /// after `driver::listen`, by one thread at a time, beside all other calls.
  [[nodiscard]] virtual std::optional<capabilities> look_again() = 0;
};

} // namespace muster
