#pragma once

#include "muster/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace muster::docker {

/// What kind of failure a call to the Engine met.
enum class failure : std::uint8_t {
  none = 0,
  not_found = 1,       ///< What the call is about does not exist; `engine_error::about` says what.
  image_not_found = 2, ///< The registry does not have it: asking again does not help.
  pull_denied = 3,     ///< The registry wants other credentials, or any.
  conflict = 4,        ///< The name is taken, or the state forbids the call.
  no_space = 5,        ///< A disk of the daemon is full.
  no_gpu_runtime = 6,  ///< The daemon cannot give GPUs to containers.
  address_taken = 7,   ///< An address or a range of addresses is in use.
  bad_request = 8,     ///< The daemon refuses what was asked: 4xx otherwise. Includes commands that cannot be run.
  server_error = 9,    ///< 5xx otherwise.
  daemon_away = 10,    ///< No connection, a cut one, or no answer in time: it may have been carried out or not.
  permission = 11,     ///< The operating system does not let us use the socket.
  tls = 12,            ///< Certificates are missing, unreadable or not trusted.
  bad_answer = 13,     ///< It answered, but not as the API says: not JSON, fields missing, too large.
  unsupported = 14,    ///< The daemon is too old, or not one for Linux containers.
};

/// The name of `kind`, such as `daemon_away`.
[[nodiscard]] std::string_view to_string(failure kind) noexcept;

/// What a call is about.
enum class object : std::uint8_t { engine, container, image, network };

/// Why a call to the Engine failed.
struct engine_error {
  failure kind = failure::none;
  object about = object::engine;
  int status = 0;      ///< HTTP status; 0 if there was no answer.
  std::string message; ///< One line for people: the daemon's own words where there are any. No final period.
  std::string holder;  ///< For a name that is taken: the id of the container that has it, if the daemon said so.
  bool unsent = false; ///< Not a byte of the call was sent.

  /// Whether the same call may succeed later although nobody changed anything.
  [[nodiscard]] bool transient() const noexcept;
  /// Whether the call may have been carried out all the same: it was sent, and there is no answer of one who knows.
  [[nodiscard]] bool may_be_done() const noexcept;
};

/// As an error of the project, for what crosses the driver's border.
[[nodiscard]] error to_error(const engine_error& problem);

/// A value, or why the Engine gave none.
template <class T>
class [[nodiscard]] outcome {
public:
  outcome(T value) : data_(std::in_place_index<0>, std::move(value)) {}
  outcome(engine_error problem) : data_(std::in_place_index<1>, std::move(problem)) {}

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
  [[nodiscard]] const engine_error& failure() const { return std::get<1>(data_); }
  /// The kind of the error; `failure::none` when `ok()`.
  [[nodiscard]] docker::failure kind() const noexcept { return ok() ? docker::failure::none : std::get<1>(data_).kind; }

private:
  std::variant<T, engine_error> data_;
};

/// Success without a value, or why the Engine refused.
template <>
class [[nodiscard]] outcome<void> {
public:
  outcome() = default;
  outcome(engine_error problem) : problem_(std::move(problem)) {}

  [[nodiscard]] bool ok() const noexcept { return !problem_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const engine_error& failure() const { return *problem_; }
  [[nodiscard]] docker::failure kind() const noexcept { return ok() ? docker::failure::none : problem_->kind; }

private:
  std::optional<engine_error> problem_;
};

/// `text` in one line of at most `limit` bytes: control characters and runs of white space become one blank, what is
/// not UTF-8 question marks.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t limit = 1000);

/// What a call was, as far as its errors are read differently.
enum class call_kind : std::uint8_t { other, pull };

/// The error that an answer with status 400 and above is. `body` is the daemon's answer: JSON with a `message`, or
/// text.
[[nodiscard]] engine_error error_of_answer(int status, std::string_view body, object about,
                                           call_kind call = call_kind::other);

/// The error that a message within a stream of status 200 is, as pulls have them.
[[nodiscard]] engine_error error_of_message(std::string_view message, object about, call_kind call = call_kind::other);

} // namespace muster::docker
