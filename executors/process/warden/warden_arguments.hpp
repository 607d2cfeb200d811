#pragma once

#include "executors/process/warden/warden.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::process {

/// The name that the warden's program runs under.
inline constexpr const char* warden_name = "muster-warden";

/// How the warden's program ends if there is a warden already; 0 once one listens, in the background.
inline constexpr int code_already_lives = 3;

/// What the warden's program is told.
struct warden_arguments {
  std::string folder;
  warden_options options;
  std::int64_t open_files = 0; ///< How many files it, and so tasks, may have open.
};

/// As arguments of a program, its name first.
[[nodiscard]] std::vector<std::string> to_arguments(const warden_arguments& x);

/// From those of `main`; nothing if they are not what `to_arguments` makes.
[[nodiscard]] std::optional<warden_arguments> read_arguments(int argc, const char* const* argv);

} // namespace muster::process
