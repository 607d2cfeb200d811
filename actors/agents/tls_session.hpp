#pragma once

#include "actors/link_certificates.hpp"
#include "muster/base/result.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

struct ssl_ctx_st;
struct ssl_st;

namespace muster::agent {

/// TLS 1.3 over a socket that does not block, at one end of a connection between head and agent. Each end shows a
/// certificate that the authority of both has signed for its side. Not thread-safe.
class tls_session {
public:
  enum class outcome {
    done,  ///< What was asked for.
    later, ///< Nothing yet: the socket has to be ready first.
    failed ///< The peer is gone, or is none; there is nothing more to be had of this session.
  };

  explicit tls_session(std::shared_ptr<ssl_st> connection) : connection_(std::move(connection)) {}

  /// Goes on with the handshake, for which the peer has to say something most of the time. `done` at its end.
  [[nodiscard]] outcome shake_hands();
  /// At most `most` bytes to `to`, at least one if `done`; how many is added to `got`.
  [[nodiscard]] outcome read(void* to, std::size_t most, std::size_t& got);
  /// Something has come that was not read yet, and that the socket does not tell of any more.
  [[nodiscard]] bool has_more() const;
  /// At least one of `count` bytes if `done`; how many is added to `sent`. If `later`, the next call is for the same.
  [[nodiscard]] outcome write(const void* from, std::size_t count, std::size_t& sent);
  /// Why it failed.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

private:
  [[nodiscard]] outcome outcome_of(int returned);

  std::shared_ptr<ssl_st> connection_;
  std::string problem_;
};

/// Begins sessions with what the files of certificates say then: they are read again when they have changed, so a
/// certificate can be renewed while its program works. Thread-safe.
class tls_sessions {
public:
  explicit tls_sessions(link_certificates files) : files_(std::move(files)) {}

  /// At the end that was connected to. Fails with `invalid_argument` if the files cannot be used, `internal` without
  /// memory.
  [[nodiscard]] result<tls_session> accept(int socket);
  /// At the end that has connected, which begins the handshake at once. Fails with `unavailable`, too, if it cannot.
  [[nodiscard]] result<tls_session> connect(int socket);

private:
  [[nodiscard]] result<tls_session> begin(int socket, void (*take_side)(ssl_st*));
  /// The certificates as they are now.
  [[nodiscard]] result<std::shared_ptr<ssl_ctx_st>> context();

  const link_certificates files_;
  std::mutex mutex_;
  std::string version_; ///< Of the files that were read; empty for none.
  std::shared_ptr<ssl_ctx_st> context_;
};

} // namespace muster::agent
