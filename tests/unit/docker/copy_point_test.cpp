#include "support/catch.hpp"

#include "executors/docker/copy_point.hpp"

#include <random>
#include <string>
#include <vector>

using namespace muster::docker;

namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t start = 1'700'000'000 * second;
const auto much = copy_filter::little;

struct record {
  std::size_t which = 0;
  std::int64_t at = 0;
  std::string text;
};

/// What a daemon would send: two writers, each with times of its own, whose records it keeps in the order they came.
class daemon_log {
public:
  explicit daemon_log(unsigned seed) : random_(seed) {}

  void write(std::size_t count) {
    while (count-- > 0) {
      now_ += below(4) == 0 ? 0 : static_cast<std::int64_t>(below(3)) * second / 5;
      const auto which = below(2);
      auto& piece_since = open_[which];
      // A piece of a long line carries the time of the first; the other stream goes on meanwhile.
      const auto at =
          piece_since >= 0 ? piece_since : std::max(last_[which], now_ - static_cast<std::int64_t>(below(5)));
      const bool goes_on = below(6) == 0 || (piece_since >= 0 && below(2) == 0);
      piece_since = goes_on ? at : -1;
      last_[which] = at;
      records_.push_back(
          {which, at, std::to_string(records_.size()) + (goes_on ? std::string(copy_point::piece_size, '.') : "\n")});
    }
  }
  /// Somebody sets the clock.
  void jump(std::int64_t by) {
    now_ += by;
    offset_ += by;
    if (by < 0)
      last_ = {-1, -1};
  }
  /// The oldest are dropped.
  void drop(std::size_t count) { begin_ += std::min(count, records_.size() - begin_); }
  [[nodiscard]] std::vector<record> read(std::optional<nano_timestamp> since) const {
    const auto from = since ? since->time_since_epoch().count() : 0;
    std::vector<record> out;
    for (auto i = begin_; i < records_.size(); ++i)
      if (records_[i].at >= from)
        out.push_back(records_[i]);
    return out;
  }
  [[nodiscard]] std::string whole() const {
    std::string out;
    for (const auto& x : records_)
      out += x.text;
    return out;
  }
  [[nodiscard]] std::size_t size() const { return records_.size(); }
  std::size_t below(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random_); }

  [[nodiscard]] clock_reading clocks() const { return {now_, offset_}; }

private:
  std::int64_t offset_ = 0;
  std::mt19937 random_;
  std::int64_t now_ = start;
  std::array<std::int64_t, 2> last_{-1, -1};
  std::array<std::int64_t, 2> open_{-1, -1};
  std::vector<record> records_;
  std::size_t begin_ = 0;
};

/// Reads a log in pieces, as across many connections.
struct reader {
  copy_point point;
  std::string text;
  int gaps = 0;

  /// One connection, which is cut after `most` records.
  void read(const daemon_log& from, std::size_t most) {
    copy_filter filter(point, from.clocks());
    for (const auto& x : from.read(filter.since())) {
      if (most-- == 0)
        return;
      const auto verdict = filter.judge(x.which, x.at);
      if (verdict == copy_filter::verdict::known)
        continue;
      gaps += verdict == copy_filter::verdict::after_gap ? 1 : 0;
      point.add(x.which, x.at, x.text, from.clocks());
      text += x.text;
    }
  }
};

/// Whether they are; else says where they begin to differ, and not all of both.
bool same(const std::string& is, const std::string& wanted) {
  const auto most = std::min(is.size(), wanted.size());
  std::size_t at = 0;
  while (at < most && is[at] == wanted[at])
    ++at;
  if (at == most && is.size() == wanted.size())
    return true;
  UNSCOPED_INFO("differ at " << at << " of " << is.size() << " and " << wanted.size() << ": '" << is.substr(at, 60)
                             << "' and '" << wanted.substr(at, 60) << '\'');
  return false;
}

constexpr std::size_t all = std::size_t{1} << 40U;

} // namespace

TEST_CASE("a log that is read in pieces is read once, whatever its times") {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    daemon_log log(seed);
    reader it;
    const bool large = seed % 3 != 0;
    for (int round = 0; round < 30; ++round) {
      log.write(log.below(20));
      if (large)
        it.point.bytes += much; // As if the records were longer: counting from the beginning costs too much.
      it.read(log, log.below(2) == 0 ? all : log.below(log.size() + 1));
      const auto through_text = copy_point::from_text(it.point.to_text());
      REQUIRE(through_text);
      it.point = *through_text; // As after a crash.
    }
    it.read(log, all);
    REQUIRE(same(it.text, log.whole()));
    REQUIRE(it.gaps == 0);
  }
}

TEST_CASE("a large log is not read again from its beginning") {
  daemon_log log(7);
  log.write(1000);
  reader it;
  it.read(log, all);
  it.point.bytes += much;
  const copy_filter filter(it.point, log.clocks());
  REQUIRE(filter.since());
  const auto again = log.read(filter.since()).size();
  CHECK(again < 200);
  CHECK(again > 0);
}

TEST_CASE("a daemon's clock that goes back costs no line, whether somebody looked or not") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    daemon_log log(seed);
    reader it;
    for (int round = 0; round < 20; ++round) {
      log.write(1 + log.below(20));
      it.point.bytes += much;
      // Seen, when records come on both sides of it in one connection; otherwise by the clock itself.
      if (log.below(4) == 0)
        log.jump(-static_cast<std::int64_t>(1 + log.below(3600)) * second + 1);
      log.write(log.below(5));
      if (log.below(2) == 0)
        it.read(log, all);
    }
    it.read(log, all);
    REQUIRE(same(it.text, log.whole()));
    REQUIRE(it.gaps == 0);
  }
}

TEST_CASE("what a daemon dropped before it was read is told, and nothing comes twice") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    daemon_log log(seed);
    reader it;
    log.write(100 + log.below(100));
    it.read(log, all);
    const auto before = it.text;
    if (seed % 2 == 0)
      it.point.bytes += much;
    const auto seen = log.size();
    log.write(100);
    const auto lost = 1 + log.below(50);
    log.drop(seen + lost);
    it.read(log, all);
    std::string rest;
    for (const auto& x : log.read({}))
      rest += x.text;
    // Old pieces of lines are known by nothing but their number; they count as seen.
    CHECK(it.gaps <= 1);
    CHECK(it.text.substr(0, before.size()) == before);
    CHECK(it.text.size() <= before.size() + rest.size());
    if (it.text == before + rest)
      CHECK(it.gaps == 1);
  }
}

TEST_CASE("a daemon that dropped only what was read long ago is told nothing of") {
  daemon_log log(3);
  log.write(1000);
  reader it;
  it.read(log, all);
  it.point.bytes += much;
  log.write(100);
  log.drop(500);
  it.read(log, all);
  CHECK(same(it.text, log.whole()));
  CHECK(it.gaps == 0);
}

TEST_CASE("a place that was not written whole is none") {
  copy_point x;
  x.add(0, start, "a\n", {start, 5});
  x.add(1, start + 1, std::string(copy_point::piece_size, 'b'), {start, 6});
  const auto text = x.to_text();
  const auto again = copy_point::from_text(text);
  REQUIRE(again);
  CHECK(again->to_text() == text);
  CHECK(again->mid_line);
  CHECK(again->streams[1].open_line);
  CHECK(again->streams[1].last == start + 1);
  for (std::size_t size = 0; size < text.size() - 1; ++size)
    if (text[size] == ' ')
      CHECK_FALSE(copy_point::from_text(text.substr(0, size)));
  CHECK_FALSE(copy_point::from_text(text + " 1"));
  CHECK_FALSE(copy_point::from_text("2" + text.substr(1)));
  CHECK_FALSE(copy_point::from_text("1 99999999999999999999 0 0"));
}

TEST_CASE("the end of a long line that the daemon forgot is known by the sizes of its pieces") {
  const std::string piece(copy_point::piece_size, 'x');
  copy_point x;
  CHECK_FALSE(x.lost_line_end(0, "ends without one"));
  CHECK_FALSE(x.lost_line_end(0, piece));
  x.add(0, start, piece, {start, 0});
  CHECK_FALSE(x.lost_line_end(0, piece));
  CHECK_FALSE(x.lost_line_end(0, "rest\n"));
  CHECK_FALSE(x.lost_line_end(1, "rest"));
  CHECK(x.lost_line_end(0, "rest"));
  CHECK(x.lost_line_end(0, ""));
  x.add(0, start, "rest", {start, 0});
  CHECK_FALSE(x.mid_line);
  CHECK_FALSE(x.lost_line_end(0, "ends without one"));
  x.add(0, start, "ends without one", {start, 0});
  CHECK(x.mid_line);
}
