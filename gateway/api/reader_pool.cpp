#include "gateway/api/reader_pool.hpp"

#include <utility>

namespace muster::gateway {

reader_pool::reader_pool(store::state_directory directory, std::size_t most, std::chrono::milliseconds patience)
    : directory_(std::move(directory)), most_(most), patience_(patience) {}

reader_pool::lease::lease(reader_pool* owner, std::unique_ptr<store::reader> reader) noexcept
    : owner_(owner), reader_(std::move(reader)) {}

reader_pool::lease::lease(lease&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), reader_(std::move(other.reader_)) {}

reader_pool::lease::~lease() {
  if (owner_ != nullptr)
    owner_->give_back(std::move(reader_));
}

result<reader_pool::lease> reader_pool::take() {
  std::unique_ptr<store::reader> reader;
  {
    std::unique_lock lock{mutex_};
    if (!freed_.wait_for(lock, patience_, [this] { return in_use_ < most_; }))
      return {ec::unavailable, "too many requests read the store at once; try again"};
    ++in_use_;
    if (!idle_.empty()) {
      reader = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  lease taken{this, std::move(reader)};
  if (!taken.reader_) {
    auto opened = store::reader::open(directory_);
    if (!opened)
      return opened.failure();
    taken.reader_ = std::make_unique<store::reader>(std::move(*opened));
  }
  return taken;
}

void reader_pool::give_back(std::unique_ptr<store::reader> reader) {
  {
    const std::lock_guard lock{mutex_};
    --in_use_;
    if (reader)
      idle_.push_back(std::move(reader));
  }
  freed_.notify_one();
}

} // namespace muster::gateway
