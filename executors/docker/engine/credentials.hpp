#pragma once

#include "executors/docker/engine/errors.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace muster::docker {

class loop;

/// A text that must not be shown: it has no printing, and no comparison that prints.
class secret {
public:
  secret() = default;
  explicit secret(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  /// The text itself, for the one place that sends it.
  [[nodiscard]] const std::string& reveal() const noexcept { return text_; }

private:
  std::string text_;
};

/// Who we are to a registry.
struct credential {
  std::string user;
  secret password;       ///< Or:
  secret identity_token; ///< Given by a registry in place of a password.
};

/// What is read of the docker command's `config.json`.
struct docker_config {
  std::map<std::string, credential> auths;    ///< By registry, as `registry_key` writes it.
  std::map<std::string, std::string> helpers; ///< Registry -> name of a helper, for this registry alone.
  std::string default_helper;                 ///< Empty: none.
};

/// The registry's name as keys of the configuration mean it: without scheme and path; those of Docker Hub are all
/// `docker.io`.
[[nodiscard]] std::string registry_key(std::string_view server);

/// The name under which a helper knows the registry: that of Docker Hub is `https://index.docker.io/v1/`.
[[nodiscard]] std::string helper_server(std::string_view registry);

/// Reads the text of a `config.json`. Fails with `invalid_argument`, never showing a value.
[[nodiscard]] result<docker_config> parse_docker_config(std::string_view text);

/// Reads `folder`/config.json; one that does not exist is empty.
[[nodiscard]] result<docker_config> read_docker_config(const std::filesystem::path& folder);

/// Runs `docker-credential-<helper> get` with `server` on its input; blocks, at most until `deadline`. Nothing if the
/// helper has no credentials for it. Fails with `unavailable`, `timed_out`, `invalid_argument` (the name is no file
/// name).
[[nodiscard]] result<std::optional<credential>> ask_helper(const std::string& helper, const std::string& server,
                                                           std::chrono::milliseconds deadline);

/// The value of the header `X-Registry-Auth` for `who` (base64url of JSON).
[[nodiscard]] secret registry_auth(const credential& who, std::string_view registry);

/// Finds credentials on a thread of its own: files and helpers may be slow.
class credential_finder {
public:
  /// `folder` holds config.json, which is read anew each time. `on` must outlive this.
  credential_finder(loop& on, std::filesystem::path folder,
                    std::chrono::milliseconds helper_deadline = std::chrono::seconds(20));
  /// Waits for a helper that runs, at most until its deadline. What was not answered yet never is.
  ~credential_finder();
  credential_finder(const credential_finder&) = delete;
  credential_finder& operator=(const credential_finder&) = delete;

  /// The header for `registry` (see `image_reference::registry`), empty if there are no credentials; `then` is called
  /// on the loop's thread. From any thread.
  void find(std::string registry, std::function<void(result<secret>)> then);

private:
  struct question {
    std::string registry;
    std::function<void(result<secret>)> then;
  };
  void work();
  [[nodiscard]] result<secret> answer(const std::string& registry) const;

  loop& loop_;
  const std::filesystem::path folder_;
  const std::chrono::milliseconds deadline_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<question> questions_;
  bool ends_ = false;
  std::thread thread_;
};

} // namespace muster::docker
