#include "gateway/events/event_stream.hpp"

#include "gateway/events/cloud_event.hpp"

#include <algorithm>
#include <utility>

namespace muster::gateway {

namespace {

using clock = std::chrono::steady_clock;

/// Reads on, block by block, and knows how far it is. Between two reads it holds no block: a client may take its time
/// with what it was given, and there are many.
class event_cursor {
public:
  event_cursor(event_feed& feed, event_filter filter, sequence after) : from_(feed, std::move(filter)), at_(after) {}

  void start(http::waker wake) { from_.start(std::move(wake)); }

  /// Everything up to here was taken or does not pass.
  [[nodiscard]] sequence at() const noexcept { return at_; }

  /// Whether what was read last came from the log, for this one alone.
  [[nodiscard]] bool is_behind() const noexcept { return is_behind_; }

  /// Calls `use` with events that pass until it returns false, or there are no more, or one block is through.
  template <class Use>
  fetched_events::kind read(Use use) {
    const auto got = from_.next(at_);
    if (got.what == fetched_events::kind::caught_up)
      at_ = got.cursor;
    if (got.what == fetched_events::kind::gone)
      earliest_ = got.cursor;
    if (got.what != fetched_events::kind::events)
      return got.what;
    is_behind_ = got.is_behind;
    const auto& entries = got.block->entries();
    for (auto i = got.block->behind(at_); i < entries.size(); ++i) {
      if (from_.filter().passes(*got.block, entries[i]) && !use(*got.block, entries[i]))
        return got.what;
      at_ = entries[i].seq;
    }
    at_.value = std::max(at_.value, got.block->through().value);
    return got.what;
  }

  [[nodiscard]] sequence earliest() const noexcept { return earliest_; }

private:
  subscription from_;
  sequence at_;
  sequence earliest_;
  bool is_behind_ = false;
};

/// `text/event-stream` and `application/x-ndjson`.
class endless_stream final : public http::body_stream {
public:
  endless_stream(event_feed& feed, event_stream_config x)
      : place_(std::move(x.place)), is_sse_(x.form == event_form::sse), bookmark_(x.bookmark), now_(std::move(x.now)),
        may_go_on_(std::move(x.may_go_on)), next_bookmark_(now_() + bookmark_),
        from_(feed, std::move(x.filter), x.after) {}

  void start(http::waker wake) override { from_.start(std::move(wake)); }

  next produce(std::string& out, std::size_t room) override {
    const auto full = [&] { return out.size() >= room; };
    if (std::exchange(is_new_, false) && is_sse_)
      out += "retry: 2000\n\n"; // And the client sees at once that it is connected.
    for (int pages = 0; pages < most_pages && !full(); ++pages) {
      const auto what = from_.read([&](const event_block& block, const event_block::entry& x) {
        if (full())
          return false;
        out += is_sse_ ? block.frame(x) : block.line(x);
        return true;
      });
      if (what == fetched_events::kind::events && from_.is_behind() && out.size() >= room / 2)
        break; // A page of the log is about a piece: most of another would be read in vain.
      if (what == fetched_events::kind::events)
        continue;
      if (what == fetched_events::kind::gone) {
        append_gone(out);
        return next::end;
      }
      retry_ = what == fetched_events::kind::failed ? std::optional{now_() + retry_after} : std::nullopt;
      return add_bookmark_if_due(out) ? next::wait : next::end;
    }
    return add_bookmark_if_due(out) ? next::more : next::end;
  }

  std::optional<clock::time_point> deadline() const override {
    return retry_ ? std::min(*retry_, next_bookmark_) : next_bookmark_;
  }

  bool open_ended() const override { return true; }

private:
  /// Blocks that are looked at before somebody else gets the worker.
  static constexpr int most_pages = 64;
  /// When the log could not be read.
  static constexpr std::chrono::seconds retry_after{1};

  /// False if the stream is to end.
  bool add_bookmark_if_due(std::string& out) {
    const auto now = now_();
    if (now < next_bookmark_)
      return true;
    next_bookmark_ = now + bookmark_;
    const auto at = std::to_string(from_.at().value);
    if (is_sse_)
      out.append("id: ").append(at).append("\nevent: bookmark\ndata: {\"seq\":").append(at).append("}\n\n");
    else
      out.append("{\"type\":\"bookmark\",\"seq\":").append(at).append("}\n");
    return may_go_on_();
  }

  void append_gone(std::string& out) const {
    const auto first = std::to_string(from_.earliest().value);
    if (is_sse_)
      out.append("event: gone\ndata: {\"earliest_seq\":").append(first).append("}\n\n");
    else
      out.append("{\"type\":\"gone\",\"earliest_seq\":").append(first).append("}\n");
  }

  const std::shared_ptr<const places::place> place_;
  const bool is_sse_;
  const std::chrono::milliseconds bookmark_;
  const std::function<clock::time_point()> now_;
  const std::function<bool()> may_go_on_;
  clock::time_point next_bookmark_;
  event_cursor from_;
  std::optional<clock::time_point> retry_;
  bool is_new_ = true;
};

/// A page of CloudEvents: what there is, or what comes while the client waits. Made while it is sent.
class page_stream final : public http::body_stream {
public:
  page_stream(event_feed& feed, event_stream_config x)
      : place_(std::move(x.place)), source_("urn:muster:log:" + feed.log_id()), limit_(x.limit), now_(std::move(x.now)),
        until_(now_() + x.wait), from_(feed, std::move(x.filter), x.after) {}

  void start(http::waker wake) override { from_.start(std::move(wake)); }

  next produce(std::string& out, std::size_t room) override {
    const auto full = [&] { return out.size() >= room; };
    const auto done = [this] { return taken_ == limit_ || bytes_ >= most_bytes; };
    for (int pages = 0; pages < most_pages && !full(); ++pages) {
      const auto what = from_.read([&](const event_block& block, const event_block::entry& x) {
        if (done() || full())
          return false;
        const auto before = out.size();
        out += taken_ == 0 ? '[' : ',';
        append_cloud_event(out, source_, block, x);
        bytes_ += out.size() - before;
        ++taken_;
        return true;
      });
      if (done())
        return finish(out);
      if (what == fetched_events::kind::events && from_.is_behind() && out.size() >= room / 2)
        break;
      if (what == fetched_events::kind::events)
        continue;
      if (what == fetched_events::kind::caught_up && taken_ == 0 && now_() < until_)
        return next::wait;
      if (what == fetched_events::kind::caught_up || taken_ != 0)
        return finish(out);
      return next::fail;
    }
    return next::more;
  }

  std::optional<clock::time_point> deadline() const override { return until_; }

private:
  static constexpr int most_pages = 64;
  static constexpr std::size_t most_bytes = std::size_t{4} << 20U;

  next finish(std::string& out) {
    out += taken_ == 0 ? '[' : ',';
    append_cloud_bookmark(out, source_, from_.at());
    out += "]\n";
    return next::end;
  }

  const std::shared_ptr<const places::place> place_;
  const std::string source_;
  const std::size_t limit_;
  const std::function<clock::time_point()> now_;
  const clock::time_point until_;
  event_cursor from_;
  std::size_t bytes_ = 0;
  std::size_t taken_ = 0;
};

} // namespace

std::unique_ptr<http::body_stream> make_event_stream(event_feed& feed, event_stream_config config) {
  if (config.form == event_form::cloudevents)
    return std::make_unique<page_stream>(feed, std::move(config));
  return std::make_unique<endless_stream>(feed, std::move(config));
}

} // namespace muster::gateway
