#pragma once

#include "muster/base/log.hpp"
#include "muster/base/result.hpp"
#include "muster/config/service.hpp"

#include <memory>

namespace muster::cli {

/// Where the service's log goes: lines of logfmt or JSON, to a file that is rotated by size, or to stderr. Lines are
/// written by one thread of its own; who logs waits neither for a disk nor for a reader of stderr. If more comes than
/// that thread can write, the oldest lines give way, and how many is said.
///
/// Make it after the warden was launched. `io_error` if the file cannot be written.
[[nodiscard]] result<std::shared_ptr<log::sink>> open_service_log(const config::log_settings& how);

} // namespace muster::cli
