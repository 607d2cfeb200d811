#pragma once

#include "gateway/http/head.hpp"
#include "gateway/http/server.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace muster::http {

/// Reads one request from bytes as they come. Not thread-safe.
class request_reader {
public:
  /// Keeps a reference to `limits`.
  explicit request_reader(const server_limits& limits);
  ~request_reader();
  request_reader(const request_reader&) = delete;
  request_reader& operator=(const request_reader&) = delete;

  /// Takes the head from the front of `input`, once it is there whole. `input` begins at the same byte and only grows
  /// until then. A refusal ends the connection, as its rest cannot be told from a next request.
  [[nodiscard]] std::optional<refusal> take_head(std::string_view& input);

  /// The head was taken: `request` has all but the body.
  [[nodiscard]] bool has_head() const noexcept;

  /// Takes of the body what is there from the front of `input`.
  [[nodiscard]] std::optional<refusal> take_body(std::string_view& input);

  /// The whole request was taken.
  [[nodiscard]] bool is_whole() const noexcept;

  /// The body as far as it was taken.
  [[nodiscard]] std::size_t body_size() const noexcept;

  /// The client waits for `100 Continue` before it sends the body.
  [[nodiscard]] bool wants_continue() const noexcept;

  /// The client permits another request on its connection, by version and `Connection`.
  [[nodiscard]] bool keeps_alive() const noexcept;

  /// It understands chunks: it speaks HTTP/1.1.
  [[nodiscard]] bool is_1_1() const noexcept;

  /// What was read; `peer`, `id` and such are the connection's to set.
  [[nodiscard]] request& taken() noexcept;

  /// Moves the body into `taken()`.
  void finish();

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace muster::http
