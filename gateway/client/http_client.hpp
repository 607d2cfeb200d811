#pragma once

#include "gateway/client/api.hpp"
#include "muster/base/result.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace muster::client {

/// Which head, and how it is reached.
struct http_config {
  std::string address;      ///< `http://host:port`, `https://host:port` or `unix:///path`.
  std::string token;        ///< Sent as a bearer token; empty for none.
  std::filesystem::path ca; ///< Who signs its certificate, PEM; empty: as the system trusts.
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds answer_timeout{120'000}; ///< Of one request that is no stream.
  /// A stream in which nothing comes for so long is taken for lost; bookmarks come every 15 seconds.
  std::chrono::milliseconds silence{60'000};
  /// How long requests that may be repeated are tried again where the head is not reached or has no room.
  std::chrono::milliseconds patience{3'000};
  std::string origin{}; ///< Who named it, for messages: `MUSTER_ADDRESS`; empty where the user has just done so.
};

/// Talks HTTP by libcurl, one connection kept. Redirects are not followed, so a token goes nowhere else; proxies of the
/// environment are not used for loopback.
class http_client final : public api {
public:
  /// `invalid_argument` for an address that is none, `unsupported` where libcurl cannot be loaded. Asks nobody yet.
  [[nodiscard]] static result<std::unique_ptr<http_client>> make(http_config config);
  ~http_client() override;

  outcome<reply> send(const request& x) override;
  outcome<stream_end> stream(const request& x, const on_piece& piece, const on_tick& tick,
                             std::map<std::string, std::string>* headers) override;
  [[nodiscard]] std::string name() const override;

private:
  class impl;
  explicit http_client(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

/// A fresh key for a request that must be carried out once: 128 random bits in hex.
[[nodiscard]] std::string make_idempotency_key();

/// The token in a file: its first line. Refuses an empty one, and what is larger than 4 KiB.
[[nodiscard]] result<std::string> read_token(const std::filesystem::path& file);

} // namespace muster::client
