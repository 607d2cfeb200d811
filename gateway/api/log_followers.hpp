#pragma once

#include "gateway/api/places.hpp"
#include "gateway/http/stream.hpp"
#include "muster/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace muster::gateway {

/// Those who follow logs: how many there may be, a quarter of them for one user, and who is woken when a file may have
/// grown. One thread (inotify) for all of them, which begins with the first. Thread-safe.
class log_followers {
  class core;

public:
  /// `most` at the same time.
  explicit log_followers(std::size_t most = 1000);
  /// Ends the thread. Places may live on; nobody is woken any more.
  ~log_followers();
  log_followers(const log_followers&) = delete;
  log_followers& operator=(const log_followers&) = delete;

  /// How it is learnt that a file grows.
  enum class watched : std::uint8_t {
    file = 1,   ///< Whoever writes to it wakes the follower.
    folder = 2, ///< There is no file yet; the follower is woken when there is.
    not_at_all = 3,
  };

  /// One follower, with one watch at most. For one thread at a time.
  class place {
  public:
    ~place();
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    /// Who is woken from now on: at once when something comes after a silence, else a hundred times a second at most.
    /// Before the first `watch`.
    void set_waker(http::waker wake);

    /// Watches this file, and no other one any more. What was written before is not told of: read once more after it
    /// said `file` for the first time. Cheap if it is watched already.
    [[nodiscard]] watched watch(const std::filesystem::path& file);

  private:
    friend class log_followers;
    struct shared_part;
    place(std::shared_ptr<core> owner, places::place admitted);
    std::shared_ptr<core> core_;
    places::place admitted_;
    std::shared_ptr<shared_part> mine_;
  };

  /// A place; `unavailable` if all are taken, or as many as one user may have. Without a user that does not count.
  [[nodiscard]] result<std::unique_ptr<place>> admit(const std::optional<std::string>& user = {});

  /// How many there are now.
  [[nodiscard]] std::size_t count() const;

private:
  places places_;
  std::shared_ptr<core> core_;
};

} // namespace muster::gateway
