#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace muster {

/// What went wrong, by area; tens are reserved per area, numbers are never reused. Zero is "no error".
enum class ec : std::uint8_t {
  none = 0,
  // -- general
  invalid_argument = 1, ///< The caller gave something that can never work.
  not_found = 2,        ///< A named thing does not exist.
  conflict = 3,         ///< It exists already, or is in a state that forbids the request.
  io_error = 4,         ///< The operating system refused a file or socket operation.
  unavailable = 5,      ///< Not now; trying again may work.
  timed_out = 6,        ///< A deadline passed.
  canceled = 7,         ///< Somebody asked for it to end.
  unsupported = 8,      ///< Known, but not on this host or in this build.
  internal = 9,         ///< A bug in Muster.
  // -- spec
  invalid_spec = 20,   ///< A spec breaks a rule of the profile.
  template_error = 21, ///< A template does not render.
  limit_exceeded = 22, ///< A bound on steps, depth, size or time was reached.
  // -- store
  store_locked = 30,  ///< Another process writes to this state directory.
  store_corrupt = 31, ///< The database is damaged or not Muster's.
  store_full = 32,    ///< The disk is full.
  store_version = 33, ///< Written by a newer Muster.
  // -- placement
  never_fits = 40, ///< No node could hold the gang even when empty.
  // -- executors
  start_failed = 50,        ///< The command could not be started.
  sandbox_unavailable = 51, ///< The host does not permit the mount namespace that the task needs.
  warden_lost = 52,         ///< The process that owns the tasks of this node is gone.
  data_error = 53,          ///< An input could not be linked or an output not published.
  image_pull_failed = 54,   ///< The image is not there, or cannot be pulled.
  start_timeout = 55,       ///< It was not ready or not started in time.
  // -- service
  idempotency_mismatch = 60, ///< The key of a submission was used before, for something else.
};

/// Whose fault an error is: decides whether trying again makes sense.
enum class error_kind : std::uint8_t { none, caller, transient, bug };

/// The kind of `code`.
[[nodiscard]] error_kind kind(ec code) noexcept;

/// The stable name of `code`, such as `invalid_spec`.
[[nodiscard]] std::string_view to_string(ec code) noexcept;

/// An error value: a code for programs, a message for people. The message is a phrase without a final period.
struct error {
  ec code = ec::none;
  std::string message;
};

/// A value or the reason why there is none.
template <class T>
class [[nodiscard]] result {
public:
  result(T value) : data_(std::in_place_index<0>, std::move(value)) {}
  result(error problem) : data_(std::in_place_index<1>, std::move(problem)) { assert(failure().code != ec::none); }
  result(ec code, std::string message) : result(error{code, std::move(message)}) {}

  [[nodiscard]] bool ok() const noexcept { return data_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(data_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(data_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(data_)); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }

  /// The error; only when `!ok()`.
  [[nodiscard]] const error& failure() const { return std::get<1>(data_); }

private:
  std::variant<T, error> data_;
};

/// Success without a value, or an error.
template <>
class [[nodiscard]] result<void> {
public:
  result() = default;
  result(error problem) : problem_(std::move(problem)) { assert(problem_->code != ec::none); }
  result(ec code, std::string message) : result(error{code, std::move(message)}) {}

  [[nodiscard]] bool ok() const noexcept { return !problem_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const error& failure() const { return *problem_; }

private:
  std::optional<error> problem_;
};

} // namespace muster
