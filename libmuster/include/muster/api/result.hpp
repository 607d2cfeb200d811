#pragma once

#include "muster/api/export.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

MUSTER_API_BEGIN

/// What went wrong, by area; numbers are never reused. Zero is "no error".
enum class ec : std::uint8_t {
  none = 0,
  invalid_argument = 1,      ///< The caller gave something that can never work.
  not_found = 2,             ///< A named thing does not exist.
  conflict = 3,              ///< It exists already, or is in a state that forbids the request.
  io_error = 4,              ///< The operating system refused a file or socket operation.
  unavailable = 5,           ///< Not now; trying again may work.
  timed_out = 6,             ///< A deadline passed.
  canceled = 7,              ///< Somebody asked for it to end.
  unsupported = 8,           ///< Known, but not on this host or in this build.
  internal = 9,              ///< A bug in Muster.
  denied = 10,               ///< The caller has no right to it, or did not say who it is.
  invalid_spec = 20,         ///< The workflow breaks a rule; the message has every one that it breaks.
  template_error = 21,       ///< An expression cannot be evaluated.
  limit_exceeded = 22,       ///< A bound on steps, depth, size or time was reached.
  store_locked = 30,         ///< Another process writes to this state directory.
  store_corrupt = 31,        ///< The database is damaged or not Muster's.
  store_full = 32,           ///< The disk is full.
  store_version = 33,        ///< Written by a newer Muster.
  never_fits = 40,           ///< No node could hold the tasks even when empty.
  start_failed = 50,         ///< A command could not be started.
  sandbox_unavailable = 51,  ///< The host does not permit the mount namespace that a task needs.
  warden_lost = 52,          ///< The process that owns the tasks of this host is gone.
  data_error = 53,           ///< An input could not be linked or an output not published.
  image_pull_failed = 54,    ///< An image is not there, or cannot be pulled.
  start_timeout = 55,        ///< A task was not ready or not started in time.
  idempotency_mismatch = 60, ///< The key of a submission was used before, for something else.
};

/// An error value: a code for programs, a message for people. The message is a phrase without a final period.
struct error {
  ec code = ec::none;
  std::string message;
};

/// What `or_throw` throws: nothing else of the API does.
class MUSTER_API failure : public std::runtime_error {
public:
  explicit failure(error why) : std::runtime_error(why.message), why_(std::move(why)) {}
  [[nodiscard]] const error& why() const noexcept { return why_; }

private:
  error why_;
};

/// A value or the reason why there is none.
template <class T>
class [[nodiscard]] result {
public:
  result(T x) : data_(std::in_place_index<0>, std::move(x)) {}
  result(error why) : data_(std::in_place_index<1>, std::move(why)) {}
  result(ec code, std::string message) : result(error{code, std::move(message)}) {}

  [[nodiscard]] bool ok() const noexcept { return data_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  // Only when `ok()`.
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

  /// The value; throws `muster::failure` if there is none. For programs to whom an error is the end.
  T or_throw() && {
    if (!ok())
      throw api::failure(failure());
    return std::get<0>(std::move(data_));
  }
  T or_throw() const& { return result(*this).or_throw(); }

private:
  std::variant<T, error> data_;
};

/// Success without a value, or an error.
template <>
class [[nodiscard]] result<void> {
public:
  result() = default;
  result(error why) : why_(std::move(why)) {}
  result(ec code, std::string message) : result(error{code, std::move(message)}) {}

  [[nodiscard]] bool ok() const noexcept { return !why_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const error& failure() const { return *why_; }
  void or_throw() const {
    if (!ok())
      throw api::failure(failure());
  }

private:
  std::optional<error> why_;
};

MUSTER_API_END
