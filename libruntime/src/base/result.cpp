#include "muster/base/result.hpp"

namespace muster {

error_kind kind(ec code) noexcept {
  switch (code) {
    case ec::none: return error_kind::none;
    case ec::io_error:
    case ec::unavailable:
    case ec::timed_out:
    case ec::store_locked:
    case ec::store_full:
    case ec::warden_lost: return error_kind::transient;
    case ec::internal: return error_kind::bug;
    case ec::invalid_argument:
    case ec::not_found:
    case ec::conflict:
    case ec::canceled:
    case ec::unsupported:
    case ec::invalid_spec:
    case ec::template_error:
    case ec::limit_exceeded:
    case ec::store_corrupt:
    case ec::store_version:
    case ec::never_fits:
    case ec::start_failed:
    case ec::sandbox_unavailable:
    case ec::data_error:
    case ec::image_pull_failed:
    case ec::start_timeout:
    case ec::idempotency_mismatch: return error_kind::caller;
  }
  return error_kind::bug;
}

std::string_view to_string(ec code) noexcept {
  switch (code) {
    case ec::none: return "none";
    case ec::invalid_argument: return "invalid_argument";
    case ec::not_found: return "not_found";
    case ec::conflict: return "conflict";
    case ec::io_error: return "io_error";
    case ec::unavailable: return "unavailable";
    case ec::timed_out: return "timed_out";
    case ec::canceled: return "canceled";
    case ec::unsupported: return "unsupported";
    case ec::internal: return "internal";
    case ec::invalid_spec: return "invalid_spec";
    case ec::template_error: return "template_error";
    case ec::limit_exceeded: return "limit_exceeded";
    case ec::store_locked: return "store_locked";
    case ec::store_corrupt: return "store_corrupt";
    case ec::store_full: return "store_full";
    case ec::store_version: return "store_version";
    case ec::never_fits: return "never_fits";
    case ec::start_failed: return "start_failed";
    case ec::sandbox_unavailable: return "sandbox_unavailable";
    case ec::warden_lost: return "warden_lost";
    case ec::data_error: return "data_error";
    case ec::image_pull_failed: return "image_pull_failed";
    case ec::start_timeout: return "start_timeout";
    case ec::idempotency_mismatch: return "idempotency_mismatch";
  }
  return "unknown";
}

} // namespace muster
