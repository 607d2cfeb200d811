#pragma once

#include "muster/base/result.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace muster {

/// Whether the store has room. Written by the JOURNAL, read by whoever would bring it more. From any thread.
class store_health {
public:
  /// `min_free`: bytes that the file system of `directory` must have left for new work; 0 for any.
  store_health(std::filesystem::path directory, std::uint64_t min_free)
      : directory_(std::move(directory)), min_free_(min_free) {}

  /// Told, by whoever notices, when it becomes full, and why, and when that is over (an empty text). Before any use.
  void on_change(std::function<void(const std::string& why)> tell) { tell_ = std::move(tell); }

  void set_min_free(std::uint64_t bytes) noexcept { min_free_ = bytes; }

  void set_full(const std::string& why);
  void clear();
  /// How many entries the JOURNAL has gathered and not passed on.
  void set_backlog(std::size_t x) noexcept { backlog_ = x; }
  [[nodiscard]] std::size_t backlog() const noexcept { return backlog_; }
  [[nodiscard]] bool is_full() const noexcept { return full_; }

  /// Why nothing can be recorded now: `store_full`.
  [[nodiscard]] std::optional<error> refusal() const;
  /// Why no new work is taken: `refusal`, or too little is free.
  [[nodiscard]] std::optional<error> admission_refusal() const;

private:
  std::filesystem::path directory_;
  std::atomic<std::uint64_t> min_free_;
  std::function<void(const std::string&)> tell_;
  std::atomic<bool> full_{false};
  std::atomic<std::size_t> backlog_{0};
  mutable std::mutex mutex_;
  std::string why_;
};

} // namespace muster
