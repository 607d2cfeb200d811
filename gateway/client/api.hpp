#pragma once

#include "muster/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// The API of a head as a program calls it, over whatever way it is reached.
namespace muster::client {

/// One request. `path` is percent-encoded already, see `path_of`.
struct request {
  std::string method = "GET";
  std::string path;
  std::vector<std::pair<std::string, std::string>> query; ///< As they are meant; encoded when sent.
  std::string body;
  std::string content_type;
  std::string accept;
  std::map<std::string, std::string> headers;
  /// Whether the head does the same once, however often it is sent: by its method, or by an `Idempotency-Key`.
  bool repeatable = false;
};

/// What was answered with a status below 400. Names of headers are in lower case.
struct reply {
  unsigned status = 0;
  std::map<std::string, std::string> headers;
  std::string body;

  /// Empty if there is none.
  [[nodiscard]] std::string header(const std::string& lower_case_name) const;
};

/// Why there was no such answer.
struct problem {
  unsigned status = 0; ///< 0: the head was not reached, or broke off.
  std::string code;    ///< Stable: `not_found`, `conflict`, `unauthorized`, ...; `unreachable` for status 0.
  std::string detail;  ///< For people.
  std::string body;    ///< The problem document; empty if there was none.

  [[nodiscard]] bool unreachable() const noexcept { return status == 0; }
};

/// A value or the problem instead.
template <class T>
class [[nodiscard]] outcome {
public:
  outcome(T value) : data_(std::in_place_index<0>, std::move(value)) {}
  outcome(problem why) : data_(std::in_place_index<1>, std::move(why)) {}

  [[nodiscard]] bool ok() const noexcept { return data_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] T& operator*() & { return std::get<0>(data_); }
  [[nodiscard]] const T& operator*() const& { return std::get<0>(data_); }
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(data_)); }
  [[nodiscard]] T* operator->() { return &std::get<0>(data_); }
  [[nodiscard]] const T* operator->() const { return &std::get<0>(data_); }
  [[nodiscard]] const problem& why() const { return std::get<1>(data_); }

private:
  std::variant<T, problem> data_;
};

/// The problem that a body of a status of 400 or more stands for.
[[nodiscard]] problem problem_of(unsigned status, const std::string& body);
/// The same of an error of the libraries, as the head would answer it.
[[nodiscard]] problem problem_of(const error& x);

/// Takes a piece of a body that is streamed; false ends the stream.
using on_piece = std::function<bool(std::string_view)>;
/// Called about ten times a second while nothing comes; false ends it.
using on_tick = std::function<bool()>;

/// How a stream ended.
enum class stream_end : std::uint8_t {
  finished, ///< The other side had no more to say.
  stopped,  ///< The caller wanted no more.
  broken,   ///< The connection was lost: what follows can be asked for again.
};

/// A way to a head. For one thread.
class api {
public:
  virtual ~api() = default;

  /// Asks and waits for the whole answer.
  virtual outcome<reply> send(const request& x) = 0;

  /// Asks for a body that goes on. Pieces come as they arrive; `headers`, unless null, are given when it has ended.
  virtual outcome<stream_end> stream(const request& x, const on_piece& piece, const on_tick& tick,
                                     std::map<std::string, std::string>* headers = nullptr) = 0;

  /// What people call it, for messages: its address, or the state directory.
  [[nodiscard]] virtual std::string name() const = 0;
};

/// `/v1/` and `parts`, each percent-encoded, with slashes between.
[[nodiscard]] std::string path_of(const std::vector<std::string>& parts);

/// `?a=b&c=d`; empty for none.
[[nodiscard]] std::string query_text(const std::vector<std::pair<std::string, std::string>>& query);

} // namespace muster::client
