#pragma once

#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"

#include <optional>
#include <string>
#include <sys/types.h>

namespace muster::cli {

/// What a head says of itself in its state directory, so that commands on the same machine find it: `head.json`.
struct head_file {
  std::string address; ///< `http://127.0.0.1:7717`.
  pid_t pid = 0;
  std::string started; ///< RFC 3339.
  std::string version;
  bool ready = false;   ///< Else it takes up what it left, and answers nothing but that.
  std::string agents{}; ///< Where agents connect, `127.0.0.1:7718`; empty if they cannot.
  std::string ca; ///< The certificate that it shows, when it speaks https: clients of this machine trust just that.
};

/// Writes it, for this process; readable by the owner alone.
[[nodiscard]] result<void> write_head_file(const store::state_directory& where, const head_file& x);

/// Removes what `write_head_file` wrote, if it is this process's.
void remove_head_file(const store::state_directory& where);

/// The head that is at work on that directory, if there is one and it lives.
[[nodiscard]] std::optional<head_file> find_head(const store::state_directory& where);

} // namespace muster::cli
