#pragma once

#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace muster::gateway {

/// Readers of one store for the threads of a server: a few, opened when they are first needed and kept.
class reader_pool {
public:
  explicit reader_pool(store::state_directory directory, std::size_t most = 8,
                       std::chrono::milliseconds patience = std::chrono::seconds{5});

  /// A reader that is one's own until this ends.
  class lease {
  public:
    lease(lease&& other) noexcept;
    lease& operator=(lease&&) = delete;
    ~lease();
    [[nodiscard]] store::reader& operator*() const noexcept { return *reader_; }
    [[nodiscard]] store::reader* operator->() const noexcept { return reader_.get(); }

  private:
    friend class reader_pool;
    lease(reader_pool* owner, std::unique_ptr<store::reader> reader) noexcept;
    reader_pool* owner_;
    std::unique_ptr<store::reader> reader_;
  };

  /// Waits for a reader if all are in use. `unavailable` if none comes free, `not_found` if there is no store, else as
  /// `store::reader::open`.
  [[nodiscard]] result<lease> take();

private:
  void give_back(std::unique_ptr<store::reader> reader);

  const store::state_directory directory_;
  const std::size_t most_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<store::reader>> idle_;
  std::size_t in_use_ = 0;
};

} // namespace muster::gateway
