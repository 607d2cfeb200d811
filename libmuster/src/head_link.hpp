#pragma once

#include "muster/api/head.hpp"
#include "run_backend.hpp"

#include "gateway/client/http_client.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace muster::api {

/// The way to a head. From any thread: short requests go one after the other over one connection, streams have their
/// own.
class head::impl {
public:
  impl(client::http_config config, std::string pool) : config_(std::move(config)), pool_(std::move(pool)) {}

  /// Asks and waits for the answer.
  [[nodiscard]] result<client::reply> send(const client::request& x);
  /// The same, the answer being JSON.
  [[nodiscard]] result<value> get(const client::request& x);
  /// A client for one stream.
  [[nodiscard]] result<std::unique_ptr<client::http_client>> connect() const;

  [[nodiscard]] const std::string& pool() const noexcept { return pool_; }
  [[nodiscard]] std::chrono::milliseconds patience() const noexcept { return config_.patience; }

private:
  client::http_config config_;
  std::string pool_;
  std::mutex mutex_;
  std::unique_ptr<client::http_client> client_;
};

/// What a head refused, as an error.
[[nodiscard]] error to_api(const client::problem& x);

/// A workflow of a head.
[[nodiscard]] std::shared_ptr<run_backend> make_remote_run(std::shared_ptr<head::impl> link, std::string id,
                                                           std::vector<std::string> notes);

} // namespace muster::api
