#include "executors/docker/log_copier.hpp"

#include <algorithm>
#include <optional>
#include <unistd.h>
#include <utility>

namespace muster::docker {

namespace {

/// A batch is passed on when it has this many bytes, or nothing more comes at once.
constexpr std::size_t batch_size = std::size_t{64} << 10U;
/// How long a disk may take for the last words, when patience is over.
constexpr auto last_words = std::chrono::milliseconds(1000);
/// When a log that ended is looked at again, should nobody say meanwhile that its container has ended.
constexpr auto after_end = std::chrono::milliseconds(1000);

store::log_origin origin_of(log_stream from) noexcept {
  return from == log_stream::errors ? store::log_origin::errors : store::log_origin::output;
}

} // namespace

/// Lives on the loop's thread. Callbacks hold it weakly: it is gone with the copier.
class log_copier::impl : public std::enable_shared_from_this<impl> {
public:
  impl(loop& on, client& engine, log_writer& writer, log_copy what, std::function<void(log_end)> done)
      : loop_(on), engine_(engine), writer_(writer), what_(std::move(what)), done_(std::move(done)),
        pause_(what_.retry) {}

  void begin() {
    if (channel_)
      return;
    channel_ = writer_.open(what_.log, what_.limits, [on = &loop_, weak = weak_from_this()](log_report said) {
      on->post([weak, said = std::move(said)] {
        if (const auto self = weak.lock())
          self->take_report(said);
      });
    });
  }

  void finish(std::chrono::milliseconds patience) {
    if (finishing_)
      return;
    finishing_ = true;
    begin();
    be_patient(patience);
    look();
  }

  void wake() {
    pause_ = what_.retry;
    if (disk_due_ != timer_id::none)
      retry_disk();
    if (looked_ && due_ != timer_id::none)
      look();
  }

  void stop() {
    for (const auto timer : {due_, disk_due_, patience_})
      loop_.cancel(timer);
    loop_.cancel(call_);
    if (channel_)
      writer_.abandon(channel_);
  }

  [[nodiscard]] const log_counts& counts() const noexcept { return counts_; }

private:
  template <class F>
  std::function<void()> guarded(F work) {
    return [weak = weak_from_this(), work = std::move(work)] {
      if (const auto self = weak.lock())
        work(*self);
    };
  }

  /// Reads, unless that is under way or over.
  void look() {
    loop_.cancel(std::exchange(due_, timer_id::none));
    if (!opened_ || ending_ || call_ != call_id::none)
      return;
    looked_ = true;
    if (finishing_ && point_.ended)
      end({true, {}});
    else if (!point_.ended)
      read(!finishing_);
  }

  void look_after(std::chrono::milliseconds delay) {
    loop_.cancel(due_);
    due_ = loop_.after(delay, guarded([](impl& self) { self.look(); }));
  }

  [[nodiscard]] std::chrono::milliseconds next_pause() {
    return std::exchange(pause_, std::min(pause_ * 2, what_.longest_retry));
  }

  void read(bool follow) {
    filter_.emplace(point_, read_clocks());
    log_options which;
    which.follow = follow;
    which.since = filter_->since();
    following_ = follow;
    stream_problem_.clear();
    log_handlers handlers;
    handlers.on_open = [weak = weak_from_this()] {
      if (const auto self = weak.lock())
        ++self->counts_.opened;
    };
    handlers.on_record = [weak = weak_from_this()](log_stream from, std::string_view record) {
      if (const auto self = weak.lock())
        self->take(from, record);
    };
    handlers.on_end = [weak = weak_from_this()](const outcome<void>& end) {
      if (const auto self = weak.lock())
        self->take_end(end);
    };
    ++counts_.calls;
    call_ = engine_.follow_log(what_.container, which, std::move(handlers));
    paused_ = false;
    hold_back();
  }

  void take(log_stream from, std::string_view record) {
    if (from == log_stream::system) {
      stream_problem_ = one_line(record);
      return;
    }
    const std::size_t which = from == log_stream::errors ? 1 : 0;
    const auto stamped = split_timestamp(record);
    const auto text = stamped ? stamped->text : record;
    const auto at =
        stamped ? stamped->at.time_since_epoch().count() : std::max<std::int64_t>(point_.streams[which].last, 0);
    const auto verdict = filter_->judge(which, at);
    if (verdict == copy_filter::verdict::known) {
      ++counts_.skipped;
      return;
    }
    if (verdict == copy_filter::verdict::after_gap) {
      ++counts_.gaps;
      mark("lines may be missing here: the daemon had dropped them before they were read");
    }
    pause_ = what_.retry;
    ++counts_.records;
    const bool line_end = point_.lost_line_end(which, text);
    point_.add(which, at, text, read_clocks());
    batch_.bytes.append(text).append(line_end ? 1 : 0, '\n');
    store::merge_run(batch_.runs, {origin_of(from), text.size() + (line_end ? 1 : 0)});
    if (batch_.bytes.size() >= batch_size)
      flush();
    else if (following_ && !std::exchange(flush_posted_, true))
      loop_.post(guarded([](impl& self) { self.flush(); })); // When this burst is read.
  }

  /// A line of our own.
  void mark(const std::string& text) {
    const auto line = (point_.mid_line ? "\n[muster: " : "[muster: ") + text + "]\n";
    batch_.bytes += line;
    store::merge_run(batch_.runs, {store::log_origin::muster, line.size()});
    point_.mid_line = false;
  }

  void flush(bool last = false) {
    flush_posted_ = false;
    if (batch_.bytes.empty() && !last)
      return;
    batch_.after = point_;
    batch_.last = last;
    pending_ += batch_.bytes.size();
    counts_.most_held = std::max(counts_.most_held, pending_);
    writer_.submit(channel_, std::exchange(batch_, {}));
    hold_back();
  }

  void hold_back() {
    if (paused_ || call_ == call_id::none || pending_ == 0)
      return;
    if (pending_ < what_.buffer && writer_.pending() < what_.all_buffers)
      return;
    paused_ = true;
    ++counts_.pauses;
    loop_.pause(call_);
  }

  void take_report(const log_report& said) {
    using kind = log_report::kind;
    switch (said.what) {
      case kind::opened:
        opened_ = true;
        point_ = said.point;
        return finishing_ ? look() : look_after(what_.first_look);
      case kind::failed:
        disk_problem_ = said.problem.message;
        loop_.cancel(disk_due_);
        disk_due_ = loop_.after(what_.longest_retry / 4, guarded([](impl& self) { self.retry_disk(); }));
        return;
      case kind::written:
      case kind::ended: break;
    }
    disk_problem_.clear();
    pending_ -= said.bytes;
    written_ += said.bytes;
    if (paused_ && (pending_ == 0 || (pending_ <= what_.buffer / 2 && writer_.pending() < what_.all_buffers))) {
      paused_ = false;
      loop_.resume(call_);
    }
    if (said.what == kind::ended)
      report();
  }

  void retry_disk() {
    loop_.cancel(std::exchange(disk_due_, timer_id::none));
    writer_.retry(channel_);
  }

  void take_end(const outcome<void>& over) {
    call_ = call_id::none;
    paused_ = false;
    const bool complete = over.ok() && stream_problem_.empty();
    if (!complete)
      problem_ = over ? stream_problem_ : over.failure().message;
    if (finishing_ && over.kind() == failure::not_found)
      return end({false, "the container was removed"});
    // A daemon may end a log that is followed before its last lines (Docker 20.10): one that is not followed is whole.
    if (finishing_ && complete && !following_)
      return end({true, {}});
    flush();
    if (finishing_ && complete)
      look();
    else // Its end is known here before it is to whoever calls `finish`; or the daemon ended, and comes back.
      look_after(complete ? std::max(next_pause(), after_end) : next_pause());
  }

  /// Gives up when nothing has moved for so long.
  void be_patient(std::chrono::milliseconds patience) {
    patience_ =
        loop_.after(patience, guarded([patience, before = counts_, written = written_, call = call_](impl& self) {
                      const auto& now = self.counts_;
                      // What is seen again counts within one call only: a daemon may break off for ever.
                      const bool moves = now.records != before.records || self.written_ != written ||
                                         (self.call_ == call && now.skipped != before.skipped);
                      if (moves)
                        self.be_patient(patience);
                      else
                        self.give_up();
                    }));
  }

  /// Patience is over.
  void give_up() {
    patience_ = timer_id::none;
    if (ending_) {
      outcome_ = {false, disk_problem_.empty() ? "the disk did not take the rest in time" : disk_problem_};
      return report();
    }
    loop_.cancel(std::exchange(call_, call_id::none));
    end({false, problem_.empty() ? "the daemon did not send it in time" : problem_});
    loop_.cancel(patience_);
    patience_ = loop_.after(last_words, guarded([](impl& self) { self.report(); }));
  }

  /// Nothing more is read.
  void end(log_end how) {
    ending_ = true;
    outcome_ = std::move(how);
    loop_.cancel(std::exchange(due_, timer_id::none));
    if (!outcome_.whole)
      mark("the end of the log is missing: " + outcome_.problem);
    flush(true);
  }

  void report() {
    for (auto* timer : {&due_, &disk_due_, &patience_})
      loop_.cancel(std::exchange(*timer, timer_id::none));
    if (ending_ && done_)
      std::exchange(done_, nullptr)(outcome_);
  }

  loop& loop_;
  client& engine_;
  log_writer& writer_;
  const log_copy what_;
  std::function<void(log_end)> done_;
  std::shared_ptr<log_channel> channel_;

  copy_point point_; ///< With all that was taken, written or not.
  std::optional<copy_filter> filter_;
  log_batch batch_;
  std::uint64_t written_ = 0;
  std::size_t pending_ = 0; ///< Bytes that the writer has not written yet.

  call_id call_ = call_id::none;
  timer_id due_ = timer_id::none;      ///< To look again.
  timer_id disk_due_ = timer_id::none; ///< To try the disk again.
  timer_id patience_ = timer_id::none;
  std::chrono::milliseconds pause_;
  std::string problem_; ///< The last one.
  std::string disk_problem_;
  std::string stream_problem_; ///< What the daemon said within this stream.
  log_end outcome_;

  bool opened_ = false; ///< `point_` is known.
  bool looked_ = false; ///< The first look is due or over.
  bool following_ = false;
  bool paused_ = false;
  bool finishing_ = false;
  bool ending_ = false;
  bool flush_posted_ = false;
  log_counts counts_;
};

log_copier::log_copier(loop& on, client& engine, log_writer& writer, log_copy what, std::function<void(log_end)> done)
    : impl_(std::make_shared<impl>(on, engine, writer, std::move(what), std::move(done))) {}

log_copier::~log_copier() {
  impl_->stop();
}

void log_copier::begin() {
  impl_->begin();
}

void log_copier::finish(std::chrono::milliseconds patience) {
  impl_->finish(patience);
}

void log_copier::wake() {
  impl_->wake();
}

const log_counts& log_copier::counts() const noexcept {
  return impl_->counts();
}

void forget_log(const std::filesystem::path& log) {
  for (const auto* suffix : {".position", ".cut", ".streams.new"}) {
    auto path = log;
    path += suffix;
    ::unlink(path.c_str());
  }
}

std::string log_config_json(const log_limits& limits) {
  constexpr std::int64_t smallest = std::int64_t{16} << 20U;
  constexpr std::int64_t files = 2;
  const auto size = std::max(limits.most / files, smallest);
  return R"({"Type":"local","Config":{"max-size":")" + std::to_string(size) + R"(","max-file":")" +
         std::to_string(files) + R"(","compress":"false"}})";
}

} // namespace muster::docker
