#include "gateway/client/events.hpp"

#include "gateway/client/lines.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <thread>

namespace muster::client {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Between two attempts: who waits for a head that is restarted learns soon that it is back.
constexpr milliseconds longest_pause{2'000};
/// A stream that has lasted so long was one, whatever it told.
constexpr milliseconds long_enough{1'000};

problem broke_off(const api& head) {
  return {0, "unreachable", "the stream of events from " + head.name() + " broke off", {}};
}

/// Whether trying again may help.
bool passes(const problem& x) {
  return x.status == 0 || x.status == 429 || x.status == 502 || x.status == 503 || x.status == 504;
}

/// Waits, ticking; false if the caller wants an end.
bool pause(milliseconds time, const on_tick& tick) {
  for (const auto until = clock::now() + time; clock::now() < until;) {
    if (tick && !tick())
      return false;
    std::this_thread::sleep_for(std::min(milliseconds{100}, time));
  }
  return true;
}

class follower {
public:
  follower(const event_request& what, const event_handler& handler) : what_(what), handler_(handler), at_(what.after) {}

  request next() {
    request x;
    x.path = path_of({"events"});
    x.accept = "application/x-ndjson";
    x.query = what_.filters;
    if (at_)
      x.query.emplace_back("after", std::to_string(*at_));
    else
      x.query.emplace_back("from", "earliest");
    // A log that was made anew under the same address has other numbers.
    if (!log_id_.empty())
      x.headers["Muster-Log-Id"] = log_id_;
    lines_.reset();
    return x;
  }

  bool take(std::string_view piece) {
    return lines_.feed(piece, [this](std::string_view line) { return take_line(line); });
  }

  void know_log(const std::string& id) { log_id_ = id; }
  [[nodiscard]] bool moved() { return std::exchange(moved_, false); }

private:
  bool take_line(std::string_view line) {
    if (line.empty())
      return true;
    const auto x = nlohmann::json::parse(line, nullptr, false);
    if (!x.is_object())
      return true;
    const auto seq = x.find("seq");
    if (seq == x.end() || !seq->is_number_unsigned())
      return true;
    const auto number = seq->get<std::uint64_t>();
    moved_ = true;
    const auto type = x.find("type");
    if (type == x.end() || *type == "bookmark") {
      at_ = std::max(at_.value_or(0), number);
      if (handler_.on_bookmark)
        handler_.on_bookmark(number);
      return true;
    }
    if (at_ && number <= *at_)
      return true;
    at_ = number;
    return handler_.on_event(number, line);
  }

  const event_request& what_;
  const event_handler& handler_;
  std::optional<std::uint64_t> at_;
  std::string log_id_;
  line_joiner lines_;
  bool moved_ = false;
};

} // namespace

outcome<stream_end> follow_events(api& head, const event_request& what, const event_handler& handler,
                                  milliseconds patience) {
  follower x{what, handler};
  auto lost_since = std::optional<clock::time_point>{};
  for (milliseconds wait{100};; wait = std::min(wait * 2, longest_pause)) {
    std::map<std::string, std::string> headers;
    const auto began = clock::now();
    const auto ended = head.stream(
        x.next(), [&x](std::string_view piece) { return x.take(piece); }, handler.tick, &headers);
    if (ended && *ended == stream_end::stopped)
      return stream_end::stopped;
    if (!ended && !passes(ended.why()))
      return ended.why();
    const auto log = headers.find("x-muster-log-id");
    const bool was_there = ended && log != headers.end();
    if (was_there)
      x.know_log(log->second);
    // A proxy may end streams that it takes for idle: that is no loss of the head.
    if (x.moved() || (was_there && clock::now() - began > long_enough)) {
      lost_since.reset();
      wait = milliseconds{100};
    }
    auto why = ended ? broke_off(head) : ended.why();
    if (!lost_since)
      lost_since = clock::now();
    if (clock::now() - *lost_since > patience)
      return why;
    if (!was_there && handler.on_lost)
      handler.on_lost(why);
    if (!pause(wait, handler.tick))
      return stream_end::stopped;
  }
}

} // namespace muster::client
