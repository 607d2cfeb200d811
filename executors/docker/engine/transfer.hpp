#pragma once

#include "executors/curl/curl_library.hpp"
#include "executors/docker/engine/loop.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

/// Inside of the loop: nobody else includes this.
namespace muster::docker {

struct easy_deleter {
  void operator()(CURL* handle) const noexcept { curl().easy_cleanup(handle); }
};
/// Owns a handle of libcurl.
using easy_handle = std::unique_ptr<CURL, easy_deleter>;

struct slist_deleter {
  void operator()(curl_slist* list) const noexcept { curl().slist_free_all(list); }
};

/// One call under way: a request, its handlers, and the handle of libcurl that carries it out. Owned by the loop; stays
/// where it is in memory from `begin` to `end`.
class transfer {
public:
  transfer(call_id id, http_request request, http_handlers handlers);
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  [[nodiscard]] call_id id() const noexcept { return id_; }
  /// That which `handle` carries out; null if none.
  [[nodiscard]] static const transfer* of(CURL* handle);

  /// Hands it to `multi`; false if the request cannot be sent at all.
  [[nodiscard]] bool begin(easy_handle handle, CURLM* multi);
  /// Takes it from `multi` again, if it was begun; the handle may be used for another.
  [[nodiscard]] easy_handle end(CURLM* multi);
  /// From now on no handler is called.
  void cancel() noexcept { canceled_ = true; }

  void pause() noexcept {
    paused_ = true;
    wants_resume_ = false;
  }
  /// Notes that it shall go on at `resume`; false if that is not new.
  [[nodiscard]] bool want_resume() noexcept { return paused_ && !std::exchange(wants_resume_, true); }
  /// Goes on if that is still wanted; may call handlers.
  void resume();

  [[nodiscard]] std::chrono::milliseconds idle_limit() const noexcept { return request_.idle; }
  /// How long it may still be silent.
  [[nodiscard]] std::chrono::milliseconds silence_left() const;

  /// What `on_done` is told when libcurl ends with `code`.
  [[nodiscard]] outcome<http_response> verdict(CURLcode code);
  [[nodiscard]] std::function<void(outcome<http_response>)> take_done();

  timer_id silence_timer = timer_id::none; ///< Kept by the loop.

private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  [[nodiscard]] bool take_header(std::string_view line);
  [[nodiscard]] std::size_t take_body(std::string_view piece);
  [[nodiscard]] bool set_headers();
  void set_request(CURL* handle);
  void set_connection(CURL* handle) const;
  [[nodiscard]] std::string url() const;
  [[nodiscard]] engine_error problem_of(CURLcode code) const;
  [[nodiscard]] std::string reason_of(CURLcode code) const;
  [[nodiscard]] bool is_unsent() const;

  const call_id id_;
  const http_request request_;
  http_handlers handlers_;
  http_response response_;
  easy_handle handle_;
  std::unique_ptr<curl_slist, slist_deleter> headers_;
  std::array<char, CURL_ERROR_SIZE> reason_{};
  std::chrono::steady_clock::time_point heard_;
  bool canceled_ = false;
  bool paused_ = false;
  bool wants_resume_ = false;
  bool head_complete_ = false;
  bool too_large_ = false;
};

} // namespace muster::docker
