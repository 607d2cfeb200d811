#include "gateway/webhooks/dispatcher.hpp"

#include "gateway/webhooks/filter.hpp"
#include "gateway/webhooks/signature.hpp"
#include "muster/base/log.hpp"
#include "muster/event/json.hpp"
#include "muster/store/reader.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace muster::gateway {

namespace {

constexpr long status_gone = 410;
/// How far a cursor may go in memory alone, when nothing passes.
constexpr std::uint64_t cursor_step = 10'000;
/// Blocks that one webhook looks at before the others have their turn.
constexpr int most_blocks = 16;
constexpr std::chrono::milliseconds longest_wait{1'000};
/// How long a webhook that nothing passes to is left alone; then its cursor follows.
constexpr std::chrono::minutes look_again{1};
/// A pause may be a fifth longer than wanted, and a receiver may ask for an hour.
constexpr std::chrono::minutes most_asked_for{60};

/// Wakes the thread, as long as there is one.
struct doorbell {
  std::mutex mutex;
  poster* who = nullptr;
  void ring() {
    const std::lock_guard lock{mutex};
    if (who != nullptr)
      who->wake();
  }
};

/// What is to be posted next to one webhook.
struct message {
  std::string id;
  std::string body;
  sequence first, last; ///< Events in it.
  sequence through;     ///< Where the cursor goes.
};

/// What is known of the token that a webhook was made by.
struct hook_token {
  std::string ended; ///< Why it counts no more; empty: it does.
  std::optional<timestamp> expires{};
};

/// One webhook and how far it is.
struct hook {
  store::webhook_record known;
  std::string secret;
  std::unique_ptr<subscription> events;
  std::shared_ptr<std::atomic<bool>> has_news = std::make_shared<std::atomic<bool>>(true);
  hook_token token;
  sequence looked;       ///< Up to here everything was looked at.
  timestamp looked_at{}; ///< When.
  std::optional<message> next{};
  bool under_way = false;
};

/// Whoever made the webhook must be let in still.
result<hook_token> read_token(store::reader& from, const std::string& id) {
  if (id.empty())
    return hook_token{};
  const auto found = from.token(id);
  if (!found && found.failure().code != ec::not_found)
    return found.failure();
  hook_token out;
  if (!found || found->revoked)
    out.ended = "token " + id + ", by which it was made, was revoked";
  else
    out.expires = found->expires;
  return out;
}

} // namespace

result<post_request> make_post(const webhook_limits& limits, const std::string& url, const std::string& secret,
                               const std::string& message, std::string body, timestamp time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  auto signature = sign_webhook(secret, message, seconds, body);
  if (!signature)
    return signature.failure();
  post_request x;
  x.url = url;
  x.headers = {{"Content-Type", "application/json"},
               {"webhook-id", message},
               {"webhook-timestamp", std::to_string(seconds)},
               {"webhook-signature", std::move(*signature)}};
  x.body = std::move(body);
  x.timeout = limits.timeout;
  x.allow_private = limits.allow_private;
  return x;
}

class webhook_dispatcher::impl {
public:
  impl(webhook_config config, event_feed& feed)
      : config_(std::move(config)), feed_(feed), random_(std::random_device{}()) {
    set_limits(config_);
    bell_->who = &poster_;
  }

  ~impl() {
    stopping_ = true;
    bell_->ring();
    if (thread_.joinable())
      thread_.join();
    const std::lock_guard lock{bell_->mutex};
    bell_->who = nullptr;
  }

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  /// Reads which webhooks there are, on the thread that has them.
  result<void> load() {
    auto reader = store::reader::open(config_.directory);
    if (!reader)
      return reader.failure();
    struct stored {
      store::webhook_record record;
      std::string secret;
      hook_token token;
    };
    std::vector<stored> all;
    constexpr std::size_t page = 100;
    for (std::int64_t after = 0;;) {
      auto list = reader->webhooks(after, page);
      if (!list)
        return list.failure();
      for (auto& x : *list) {
        after = x.number;
        auto secret = reader->webhook_secret(x.id);
        if (!secret && secret.failure().code == ec::not_found) // Deleted meanwhile.
          continue;
        auto token = read_token(*reader, x.token);
        if (!secret || !token)
          return secret ? token.failure() : secret.failure();
        all.push_back({std::move(x), std::move(*secret), std::move(*token)});
      }
      if (list->size() < page)
        break;
    }
    auto before = std::exchange(hooks_, {});
    for (auto& [x, secret, token] : all) {
      // What is known of one that goes on is newer than what is stored.
      const auto known = before.find(x.id);
      auto id = x.id;
      auto& now = hooks_
                      .emplace(std::move(id), known == before.end() ? make_hook(std::move(x), std::move(secret))
                                                                    : std::move(known->second))
                      .first->second;
      now.token = std::move(token);
    }
    return {};
  }

  void begin() {
    thread_ = std::thread{[this] { run(); }};
  }

  void reload() {
    reload_due_ = true;
    bell_->ring();
  }

  [[nodiscard]] webhook_limits limits() const {
    const std::lock_guard lock{mutex_};
    return limits_;
  }

  void set_limits(const webhook_limits& x) {
    const std::lock_guard lock{mutex_};
    limits_ = x;
    limits_.attempts = std::max<std::uint32_t>(x.attempts, 1);
  }

  bool test(post_request x, std::function<void(const post_outcome&)> done) {
    {
      const std::lock_guard lock{mutex_};
      if (tests_ >= most_tests)
        return false;
      ++tests_;
      tests_to_begin_.emplace_back(std::move(x), std::move(done));
    }
    bell_->ring();
    return true;
  }

  [[nodiscard]] webhook_figures figures() const {
    const std::lock_guard lock{mutex_};
    return figures_;
  }

  [[nodiscard]] result<std::int64_t> make_durable(store::service_change x) const {
    return config_.record(std::move(x));
  }

private:
  hook make_hook(store::webhook_record x, std::string secret) {
    hook h;
    h.secret = std::move(secret);
    h.looked = x.cursor;
    h.events = std::make_unique<subscription>(feed_, filter_of(x), subscription::kind::webhook);
    h.events->start([news = h.has_news, bell = bell_] {
      news->store(true);
      bell->ring();
    });
    h.known = std::move(x);
    return h;
  }

  void run() {
    while (!stopping_) {
      if (reload_due_.exchange(false))
        if (const auto done = load(); !done)
          log::warn("webhooks", "webhooks cannot be read", {{"why", done.failure().message}});
      begin_tests();
      const auto wait = step_all();
      count();
      if (!stopping_ && !reload_due_)
        poster_.run(wait);
    }
    poster_.clear();
    for (auto& [id, x] : hooks_)
      if (!x.next && x.known.cursor < x.looked)
        store_cursor(x); // Else it would have to be looked at again, and may be removed by then.
  }

  void begin_tests() {
    decltype(tests_to_begin_) all;
    {
      const std::lock_guard lock{mutex_};
      all.swap(tests_to_begin_);
    }
    for (auto& [x, done] : all)
      poster_.post(std::move(x), [this, then = std::move(done)](const post_outcome& got) {
        {
          const std::lock_guard lock{mutex_};
          --tests_;
        }
        then(got);
      });
  }

  void count() {
    webhook_figures now;
    const auto head = feed_.head();
    for (const auto& [id, x] : hooks_) {
      const bool is_active = x.known.state == store::webhook_state::active;
      ++(is_active ? now.active : now.disabled);
      if (!is_active)
        continue;
      now.failing += x.known.failures > 0 ? 1 : 0;
      if ((x.next || x.has_news->load()) && x.known.cursor < head)
        now.lag = std::max(now.lag, head.value - x.known.cursor.value);
    }
    const std::lock_guard lock{mutex_};
    figures_ = now;
  }

  /// Gives every webhook its turn; how long there is nothing to do then.
  std::chrono::milliseconds step_all() {
    auto wait = longest_wait;
    for (auto& [id, x] : hooks_) {
      if (stopping_)
        break;
      if (x.known.state != store::webhook_state::active || x.under_way || under_way_ >= config_.at_once)
        continue;
      const auto now = config_.now();
      if (end_with_token(x, now))
        continue;
      if (x.known.next && now < *x.known.next && *x.known.next - now <= longest_pause()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*x.known.next - now);
        wait = std::min(wait, left + std::chrono::milliseconds{1});
        continue;
      }
      // A clock that was set back counts as time that has passed, as above.
      const bool is_due = now < x.looked_at || now - x.looked_at >= look_again;
      if (!x.next && ((!x.has_news->exchange(false) && !is_due) || !gather(x))) {
        if (x.has_news->load())
          wait = std::chrono::milliseconds{0};
        continue;
      }
      send(x);
    }
    return wait;
  }

  /// Whether the token that it was made by has ended, and so it does.
  bool end_with_token(hook& x, timestamp now) {
    if (x.token.expires && *x.token.expires <= now)
      x.token.ended = "token " + x.known.token + ", by which it was made, has expired";
    if (x.token.ended.empty())
      return false;
    disable(x, x.token.ended);
    return true;
  }

  void disable(hook& x, std::string why) {
    x.known.state = store::webhook_state::disabled;
    x.known.reason = std::move(why);
    x.known.next.reset();
    x.next.reset();
    record(x, {});
  }

  /// The longest that a pause can be: what lies further ahead was said by a clock that has been set back since.
  [[nodiscard]] duration longest_pause() const {
    return std::max<duration>(config_.longest_pause + config_.longest_pause / 5, most_asked_for);
  }

  /// Makes the next message of what passes; false if there is none yet.
  bool gather(hook& x) {
    x.looked_at = config_.now();
    message next;
    std::string list;
    std::size_t count = 0;
    for (int i = 0; i < most_blocks; ++i) {
      const auto got = x.events->next(x.looked);
      if (got.what == fetched_events::kind::failed) {
        x.known.next = config_.now() + longest_wait;
        x.has_news->store(true);
        return false;
      }
      if (got.what == fetched_events::kind::gone && count != 0)
        break; // What was gathered comes first.
      if (got.what == fetched_events::kind::gone) {
        bury_gap(x, got.cursor);
        continue;
      }
      if (got.what == fetched_events::kind::caught_up) {
        x.looked = got.cursor;
        return count != 0 ? complete(x, std::move(next), list) : keep_cursor(x);
      }
      const auto& block = *got.block;
      for (auto n = block.behind(x.looked); n < block.entries().size(); ++n) {
        const auto& entry = block.entries()[n];
        if (x.events->filter().passes(block, entry)) {
          if (count == config_.events || list.size() >= config_.bytes) {
            x.has_news->store(true);
            return complete(x, std::move(next), list);
          }
          list.append(count++ == 0 ? "" : ",").append(block.json(entry));
          next.first = next.first.value == 0 ? entry.seq : next.first;
          next.last = entry.seq;
        }
        x.looked = entry.seq;
      }
      x.looked.value = std::max(x.looked.value, block.through().value);
    }
    x.has_news->store(true);
    return count != 0 ? complete(x, std::move(next), list) : keep_cursor(x);
  }

  bool complete(hook& x, message next, const std::string& list) {
    next.through = x.looked;
    const auto first = std::to_string(next.first.value);
    const auto last = std::to_string(next.last.value);
    next.id = "msg_" + x.known.id + '_' + first + '_' + last;
    next.body = "{\"type\":\"muster.events\",\"timestamp\":\"" + to_rfc3339(config_.now()) + "\",\"log_id\":\"" +
                feed_.log_id() + "\",\"data\":{\"first_seq\":" + first + ",\"last_seq\":" + last + ",\"events\":[" +
                list + "]}}";
    x.next = std::move(next);
    return true;
  }

  /// Where nothing passes for long the cursor moves on all the same; always false.
  bool keep_cursor(hook& x) {
    if (x.looked.value - x.known.cursor.value >= cursor_step)
      store_cursor(x);
    return false;
  }

  void store_cursor(hook& x) {
    x.known.cursor = x.looked;
    record(x, {});
  }

  /// Events were removed before they could be delivered.
  void bury_gap(hook& x, sequence earliest) {
    store::dead_letter dead;
    dead.message = "msg_" + x.known.id + "_gap_" + std::to_string(earliest.value);
    dead.first.value = x.looked.value + 1;
    dead.last.value = earliest.value - 1;
    dead.time = config_.now();
    dead.problem = "the events were removed before they could be delivered";
    x.looked.value = earliest.value - 1;
    x.known.cursor = x.looked;
    record(x, dead);
  }

  void send(hook& x) {
    const auto now = config_.now();
    auto made = make_post(limits(), x.known.url, x.secret, x.next->id, x.next->body, now);
    if (!made)
      return disable(x, made.failure().message);
    x.under_way = true;
    ++under_way_;
    poster_.post(std::move(*made), [this, id = x.known.id](const post_outcome& got) {
      --under_way_;
      if (const auto found = hooks_.find(id); found != hooks_.end())
        end_delivery(found->second, got);
    });
  }

  void end_delivery(hook& x, const post_outcome& got) {
    x.under_way = false;
    auto& known = x.known;
    known.last = config_.now();
    known.last_outcome = got.text();
    known.next.reset();
    if (got.is_good()) {
      known.failures = 0;
      return move_on(x, {});
    }
    ++known.failures;
    if (got.status == status_gone)
      return disable(x, "the receiver answered 410: it wants no more");
    const auto attempts = limits().attempts;
    if (known.failures % attempts != 0) {
      known.next = *known.last + pause_after(known.failures % attempts, got.retry_after);
      return record(x, {});
    }
    store::dead_letter dead;
    dead.message = x.next->id;
    dead.first = x.next->first;
    dead.last = x.next->last;
    dead.time = *known.last;
    dead.attempts = attempts;
    dead.problem = known.last_outcome;
    dead.body = x.next->body;
    log::warn("webhooks", "message could not be delivered",
              {{"webhook", known.id}, {"first", dead.first.value}, {"last", dead.last.value}, {"why", dead.problem}});
    move_on(x, std::move(dead));
  }

  /// The message is done with.
  void move_on(hook& x, std::optional<store::dead_letter> dead) {
    x.known.cursor = x.next->through;
    x.next.reset();
    x.has_news->store(true);
    record(x, std::move(dead));
  }

  void record(hook& x, std::optional<store::dead_letter> dead) {
    const auto done = config_.record(store::webhook_progress{x.known, std::move(dead)});
    // A webhook that is gone has been deleted; all else is written with the next change of it.
    if (!done && done.failure().code != ec::not_found)
      log::warn("webhooks", "progress cannot be stored", {{"webhook", x.known.id}, {"why", done.failure().message}});
  }

  duration pause_after(std::uint32_t failures, std::optional<std::chrono::seconds> wanted) {
    auto pause = std::chrono::duration_cast<duration>(config_.first_pause);
    for (std::uint32_t i = 1; i < failures && pause < config_.longest_pause; ++i)
      pause *= 2;
    pause = std::min<duration>(pause, config_.longest_pause);
    // A fifth more or less, so that those that failed together do not come again together.
    pause = duration{static_cast<std::int64_t>(static_cast<double>(pause.count()) *
                                               std::uniform_real_distribution<>{0.8, 1.2}(random_))};
    return wanted ? std::max<duration>(pause, *wanted) : pause;
  }

  const webhook_config config_; ///< Its limits are those of the beginning.
  mutable std::mutex mutex_;
  webhook_limits limits_;
  webhook_figures figures_;
  std::size_t tests_ = 0; ///< On their way, or to begin.
  std::vector<std::pair<post_request, std::function<void(const post_outcome&)>>> tests_to_begin_;
  event_feed& feed_;
  poster poster_;
  std::shared_ptr<doorbell> bell_ = std::make_shared<doorbell>();
  std::mt19937 random_;
  std::map<std::string, hook> hooks_; ///< By id; the thread's own.
  std::size_t under_way_ = 0;
  std::atomic<bool> reload_due_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

webhook_dispatcher::webhook_dispatcher(std::unique_ptr<impl> x) noexcept : impl_(std::move(x)) {}
webhook_dispatcher::~webhook_dispatcher() = default;

result<std::unique_ptr<webhook_dispatcher>> webhook_dispatcher::start(webhook_config config, event_feed& feed) {
  if (!config.now)
    config.now = [] { return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now()); };
  if (auto able = poster::check(); !able)
    return able.failure();
  auto made = std::make_unique<impl>(std::move(config), feed);
  if (auto done = made->load(); !done)
    return done.failure();
  made->begin();
  return std::unique_ptr<webhook_dispatcher>(new webhook_dispatcher(std::move(made)));
}

void webhook_dispatcher::reload() {
  impl_->reload();
}

webhook_limits webhook_dispatcher::limits() const {
  return impl_->limits();
}

void webhook_dispatcher::set_limits(const webhook_limits& x) {
  impl_->set_limits(x);
}

bool webhook_dispatcher::test(post_request x, std::function<void(const post_outcome&)> done) {
  return impl_->test(std::move(x), std::move(done));
}

webhook_figures webhook_dispatcher::figures() const {
  return impl_->figures();
}

result<std::int64_t> webhook_dispatcher::record(store::service_change x) const {
  return impl_->make_durable(std::move(x));
}

} // namespace muster::gateway
