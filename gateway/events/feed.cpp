#include "gateway/events/feed.hpp"

#include "gateway/api/reader_pool.hpp"
#include "muster/base/log.hpp"
#include "muster/store/reader.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace muster::gateway {

namespace {

using clock = std::chrono::steady_clock;

/// Leaves about as much of a page as a stream is given at a time: texts may be long.
void cut(store::event_page& page) {
  constexpr std::size_t most = std::size_t{64} * 1024;
  constexpr std::size_t of_each = 256;
  std::size_t bytes = 0;
  const auto end = std::find_if(page.events.begin(), page.events.end(), [&](const auto& x) {
    const bool is_full = bytes >= most;
    bytes += of_each + x.fact.text.size();
    return is_full;
  });
  if (end == page.events.end())
    return;
  page.next_after = end->fact.seq;
  --page.next_after.value;
  page.at_end = false;
  page.events.erase(end, page.events.end());
}

/// After the log could not be read.
constexpr std::chrono::seconds retry_after{1};

} // namespace

/// What the feed knows of a subscription.
struct subscription::shared_part {
  event_filter filter;
  http::waker wake;
  bool is_stream = true;
  bool has_more = true; ///< There may be something that passes; this and the next under the core's mutex.
  sequence cursor{};    ///< Where it read last.
};

/// What the feed and its subscriptions share.
class event_feed::core {
public:
  core(feed_config config, store::reader reader, std::string log_id, sequence head)
      : config_(std::move(config)), pool_(config_.directory, config_.readers), reader_(std::move(reader)),
        log_id_(std::move(log_id)), head_(head) {}

  void begin() {
    thread_ = std::thread{[this] { run(); }};
  }

  void stop() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    wanted_.notify_one();
    if (thread_.joinable())
      thread_.join();
  }

  void notify() noexcept {
    {
      const std::lock_guard lock{mutex_};
      is_wanted_ = true;
      if (!notified_)
        notified_ = clock::now();
    }
    wanted_.notify_one();
  }

  using part_ptr = std::shared_ptr<subscription::shared_part>;

  void add(const part_ptr& x) {
    const std::lock_guard lock{mutex_};
    x->cursor = head_; // Until it says where it begins.
    subscribers_.insert(x);
  }

  void remove(const part_ptr& x) {
    const std::lock_guard lock{mutex_};
    subscribers_.erase(x);
  }

  fetched_events next(subscription::shared_part& who, sequence cursor) {
    {
      const std::lock_guard lock{mutex_};
      who.cursor = cursor;
      if (!who.has_more || !(cursor < head_)) {
        who.has_more = false;
        return {fetched_events::kind::caught_up, {}, {std::max(cursor.value, head_.value)}};
      }
      // The block that holds what comes next, if it is in memory.
      const auto found = std::upper_bound(ring_.begin(), ring_.end(), cursor,
                                          [](sequence at, const block_ptr& x) { return at < x->through(); });
      if (found != ring_.end() && !(cursor < (*found)->after()))
        return {fetched_events::kind::events, *found, cursor};
    }
    return read_behind(who.filter, cursor);
  }

  result<sequence> earliest() {
    auto reader = pool_.take();
    return reader ? (*reader)->earliest() : result<sequence>{reader.failure()};
  }

  [[nodiscard]] sequence head() const {
    const std::lock_guard lock{mutex_};
    return head_;
  }

  [[nodiscard]] feed_figures figures() const {
    const std::lock_guard lock{mutex_};
    feed_figures x;
    x.head = head_;
    x.oldest.value = (ring_.empty() ? head_.value : ring_.front()->after().value) + 1;
    x.bytes = bytes_;
    x.subscribers = subscribers_.size();
    x.disk_pages = disk_pages_.load();
    for (const auto& one : subscribers_)
      if (one->is_stream && one->has_more && one->cursor < head_)
        x.lag = std::max(x.lag, head_.value - one->cursor.value);
    x.passing = passing_;
    x.passing_sum = passing_sum_;
    return x;
  }

  [[nodiscard]] const std::string& log_id() const noexcept { return log_id_; }

private:
  /// Reads a page for somebody whose place has left the memory.
  fetched_events read_behind(const event_filter& filter, sequence cursor) {
    ++disk_pages_;
    auto reader = pool_.take();
    if (!reader)
      return {};
    const auto frozen = (*reader)->freeze(); // The log may be shortened meanwhile.
    if (!frozen)
      return {};
    const auto first = (*reader)->earliest();
    if (!first)
      return {};
    if (cursor.value + 1 < first->value)
      return {fetched_events::kind::gone, {}, *first};
    store::event_query query;
    query.after = cursor;
    query.limit = config_.page;
    if (filter.workflows.size() == 1)
      query.workflow = filter.workflows.front();
    for (std::size_t i = 0; i < filter.types.size(); ++i)
      if (filter.types.test(i))
        query.types.push_back(static_cast<event_type>(i));
    auto page = (*reader)->events(query);
    if (!page && page.failure().code == ec::not_found) { // The workflow is gone, and all that was told of it.
      const auto last = (*reader)->latest();
      if (!last || !(cursor < *last))
        return {};
      return {fetched_events::kind::events,
              std::make_shared<const event_block>(std::vector<store::named_event>{}, cursor, *last), cursor, true};
    }
    if (!page)
      return {};
    cut(*page);
    auto block = std::make_shared<const event_block>(page->events, cursor, page->next_after);
    return {fetched_events::kind::events, std::move(block), cursor, true};
  }

  void run() {
    std::unique_lock lock{mutex_};
    bool in_trouble = false;
    while (!stopping_) {
      const auto wanted = [this] { return stopping_ || is_wanted_; };
      if (in_trouble)
        wanted_.wait_for(lock, retry_after, wanted);
      else
        wanted_.wait(lock, wanted);
      if (stopping_)
        return;
      is_wanted_ = false;
      const auto since = std::exchange(notified_, std::nullopt);
      const auto before = head_;
      lock.unlock();
      const auto done = read_new();
      if (!done && !std::exchange(in_trouble, true))
        log::warn("events", "log cannot be read, will be tried again", {{"why", done.failure().message}});
      if (done)
        in_trouble = false;
      lock.lock();
      if (since && before < head_)
        note_passing(clock::now() - *since);
    }
  }

  /// Under the mutex.
  void note_passing(clock::duration took) {
    const auto seconds = std::chrono::duration<double>(took).count();
    const auto& bounds = feed_figures::bounds;
    ++passing_.at(static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin()));
    passing_sum_ += seconds;
  }

  /// Passes everything on that was committed by now.
  result<void> read_new() {
    for (;;) {
      store::event_query query;
      query.after = head_; // Changed by this thread alone.
      query.limit = most_in_block;
      auto page = reader_.events(query);
      const bool is_whole = page && (page->events.empty() || page->events.front().fact.seq.value == head_.value + 1);
      if (!is_whole) {
        const auto first = reader_.earliest();
        if (first && first->value > head_.value + 1) {
          skip_to({first->value - 1});
          continue;
        }
        return page ? error{ec::internal, "events are missing behind " + std::to_string(head_.value)} : page.failure();
      }
      if (!page->events.empty()) {
        publish(std::make_shared<const event_block>(page->events, head_, page->events.back().fact.seq));
      }
      if (page->at_end)
        return {};
    }
  }

  /// What comes next was removed before it could be passed on: everybody finds out for themselves.
  void skip_to(sequence at) {
    log::warn("events", "events were removed before they were passed on",
              {{"first", head_.value + 1}, {"last", at.value}});
    std::vector<part_ptr> woken;
    {
      const std::lock_guard lock{mutex_};
      head_ = at;
      ring_.clear();
      bytes_ = 0;
      for (const auto& x : subscribers_)
        if (!std::exchange(x->has_more, true) && x->wake)
          woken.push_back(x);
    }
    for (const auto& x : woken)
      x->wake();
  }

  void publish(const block_ptr& block) {
    std::vector<part_ptr> woken;
    {
      const std::lock_guard lock{mutex_};
      head_ = block->through();
      bytes_ += block->bytes();
      ring_.push_back(block);
      // The newest stays whatever its size: somebody waits for it.
      while (ring_.size() > 1 && bytes_ > config_.ring_bytes) {
        bytes_ -= ring_.front()->bytes();
        ring_.pop_front();
      }
      for (const auto& x : subscribers_)
        if (!x->has_more && x->filter.may_pass(*block)) {
          x->has_more = true;
          if (x->wake)
            woken.push_back(x);
        }
    }
    for (const auto& x : woken)
      x->wake();
  }

  const feed_config config_;
  reader_pool pool_;
  store::reader reader_; ///< The thread's own.
  const std::string log_id_;
  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  bool is_wanted_ = false;
  std::optional<clock::time_point> notified_; ///< When there was the first commit that is not passed on yet.
  std::vector<std::uint64_t> passing_ = std::vector<std::uint64_t>(feed_figures::bounds.size() + 1);
  double passing_sum_ = 0;
  bool stopping_ = false;
  sequence head_;
  std::deque<block_ptr> ring_; ///< Each begins where the one before ends.
  std::size_t bytes_ = 0;
  std::unordered_set<part_ptr> subscribers_;
  std::atomic<std::uint64_t> disk_pages_{0};
  std::thread thread_;
};

event_feed::event_feed(std::shared_ptr<core> x) noexcept : core_(std::move(x)) {}

result<std::unique_ptr<event_feed>> event_feed::start(feed_config config) {
  auto reader = store::reader::open(config.directory);
  if (!reader)
    return reader.failure();
  auto id = reader->log_id();
  if (!id)
    return id.failure();
  const auto last = reader->latest();
  if (!last)
    return last.failure();
  auto made = std::make_shared<core>(std::move(config), std::move(*reader), std::move(*id), *last);
  made->begin();
  return std::unique_ptr<event_feed>(new event_feed(std::move(made)));
}

event_feed::~event_feed() {
  core_->stop();
}

void event_feed::notify() noexcept {
  core_->notify();
}

const std::string& event_feed::log_id() const noexcept {
  return core_->log_id();
}

sequence event_feed::head() const {
  return core_->head();
}

result<sequence> event_feed::earliest() {
  return core_->earliest();
}

feed_figures event_feed::figures() const {
  return core_->figures();
}

subscription::subscription(event_feed& feed, event_filter filter, kind of)
    : core_(feed.core_), mine_(std::make_shared<shared_part>()) {
  mine_->filter = std::move(filter);
  mine_->is_stream = of == kind::stream;
}

subscription::~subscription() {
  core_->remove(mine_);
}

void subscription::start(http::waker wake) {
  mine_->wake = std::move(wake);
  core_->add(mine_);
}

fetched_events subscription::next(sequence cursor) {
  return core_->next(*mine_, cursor);
}

const event_filter& subscription::filter() const noexcept {
  return mine_->filter;
}

} // namespace muster::gateway
