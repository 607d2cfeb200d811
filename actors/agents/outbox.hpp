#pragma once

#include "actors/protocol/agent.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

namespace muster::agent {

/// Batches of one session on their way to the other side, no more than `window` of which are under way. A `Batch` has
/// `session`, `number` and `list`. A value.
template <class Batch>
class outbox {
public:
  /// From now on for another session; what waited for the old one is forgotten.
  void begin(std::uint64_t session) {
    session_ = session;
    sent_ = acknowledged_ = 0;
    waiting_.clear();
  }
  /// There is no session: nothing is kept until there is one.
  void end() { begin(0); }
  [[nodiscard]] std::uint64_t session() const noexcept { return session_; }

  /// Adds something of about that size, to a batch that waits if `like` may be merged with it.
  template <class Item, class SameKind>
  void add(Item x, std::size_t bytes, Batch like, SameKind same_kind) {
    if (session_ == 0)
      return;
    if (waiting_.empty() || waiting_.back().second + bytes > most_bytes || !same_kind(waiting_.back().first, like))
      waiting_.emplace_back(std::move(like), 0);
    waiting_.back().first.list.push_back(std::move(x));
    waiting_.back().second += bytes;
  }
  /// Adds a batch as it is.
  void add(Batch x) {
    if (session_ != 0)
      waiting_.emplace_back(std::move(x), most_bytes);
  }

  /// The next batch that may be sent.
  [[nodiscard]] std::optional<Batch> take() {
    if (waiting_.empty() || sent_ - acknowledged_ >= window)
      return std::nullopt;
    auto out = std::move(waiting_.front().first);
    waiting_.pop_front();
    out.session = session_;
    out.number = ++sent_;
    return out;
  }

  /// All up to this number have come. What cannot be is ignored.
  void acknowledge(std::uint64_t session, std::uint64_t number) {
    if (session == session_ && number > acknowledged_ && number <= sent_)
      acknowledged_ = number;
  }

  /// Batches that wait to be sent.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

private:
  std::uint64_t session_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::deque<std::pair<Batch, std::size_t>> waiting_; ///< With their sizes.
};

/// The other end: batches of one session, in order.
class inbox {
public:
  void begin(std::uint64_t session) noexcept {
    session_ = session;
    last_ = 0;
  }
  void end() noexcept { begin(0); }
  [[nodiscard]] std::uint64_t session() const noexcept { return session_; }
  /// Whether a batch is the next one of the session. Others are dropped.
  [[nodiscard]] bool accept(std::uint64_t session, std::uint64_t number) noexcept {
    if (session == 0 || session != session_ || number != last_ + 1)
      return false;
    last_ = number;
    return true;
  }

private:
  std::uint64_t session_ = 0;
  std::uint64_t last_ = 0;
};

} // namespace muster::agent
