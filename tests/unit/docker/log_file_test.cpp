#include "support/catch.hpp"
#include "support/log_text.hpp"
#include "support/temporary_folder.hpp"

#include "executors/docker/log_copier.hpp"
#include "executors/docker/log_file.hpp"

#include <csignal>
#include <fstream>
#include <map>
#include <random>

#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace muster;
using namespace muster::docker;
using muster::test::content;
using muster::test::told;
namespace fs = std::filesystem;

namespace {

/// The line with this number; every third is stderr's, every seventh is long.
std::string line(std::uint64_t number) {
  return "line " + std::to_string(number) +
         std::string(number % 7 == 0 ? 700 : number % 5, number % 3 == 0 ? 'e' : 'o') + "\n";
}

/// The next `count` lines after `point`.
log_batch batch_after(copy_point point, std::uint64_t count) {
  log_batch out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto number = point.records;
    const auto text = line(number);
    const std::size_t which = number % 3 == 0 ? 1 : 0;
    point.add(which, static_cast<std::int64_t>(number), text, {});
    out.bytes += text;
    store::merge_run(out.runs, {which == 1 ? store::log_origin::errors : store::log_origin::output, text.size()});
  }
  out.after = point;
  return out;
}

std::string lines(std::uint64_t from, std::uint64_t to, int third = -1) {
  std::string out;
  for (auto i = from; i < to; ++i)
    if (third < 0 || (third == 1) == (i % 3 == 0))
      out += line(i);
  return out;
}

/// All files of a folder.
using snapshot = std::map<std::string, std::string>;

snapshot take(const fs::path& folder) {
  snapshot out;
  for (const auto& file : fs::directory_iterator(folder))
    out[file.path().filename().string()] = content(file.path());
  return out;
}

void put_back(const fs::path& folder, const snapshot& files) {
  for (const auto& file : fs::directory_iterator(folder))
    fs::remove(file.path());
  for (const auto& [name, text] : files)
    std::ofstream(folder / name, std::ios::binary) << text;
}

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

log_limits small_limits() {
  log_limits limits;
  limits.most = 64 << 10U;
  limits.head = 8 << 10U;
  limits.tail = 4 << 10U;
  return limits;
}

} // namespace

TEST_CASE("a log goes on where the last one that wrote it stopped") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  copy_point point;
  for (int round = 0; round < 5; ++round) {
    log_file file(log, {});
    const auto opened = file.open();
    REQUIRE(opened);
    CHECK(opened->to_text() == point.to_text());
    for (int i = 0; i < 3; ++i) {
      const auto batch = batch_after(point, 10);
      REQUIRE(file.append(batch));
      point = batch.after;
    }
  }
  CHECK(same(content(log), lines(0, 150)));
  CHECK(same(told(log, store::log_origin::errors), lines(0, 150, 1)));
  CHECK(same(told(log, store::log_origin::output), lines(0, 150, 0)));
}

TEST_CASE("a log that came whole needs no position, and one that ended says so until it is forgotten") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  auto batch = batch_after({}, 10);
  batch.last = true;
  REQUIRE(log_file(log, {}).open());
  {
    log_file file(log, {});
    REQUIRE(file.open());
    REQUIRE(file.append(batch));
  }
  CHECK_FALSE(fs::exists(log.string() + ".position"));
  CHECK(same(content(log), lines(0, 10)));
  // It is copied again, and the same.
  {
    log_file file(log, {});
    const auto point = file.open();
    REQUIRE(point);
    CHECK(point->records == 0);
    CHECK(same(content(log), lines(0, 10)));
    batch.last = false;
    REQUIRE(file.append(batch));
    log_batch end;
    end.after = batch.after;
    end.last = true;
    REQUIRE(file.append(end));
  }
  CHECK(same(content(log), lines(0, 10)));
  CHECK(log_file(log, {}).open()->ended);
  forget_log(log);
  CHECK_FALSE(log_file(log, {}).open()->ended);
  CHECK(same(content(log), lines(0, 10)));
}

TEST_CASE("an end without anything leaves what was copied before, and a silent container an empty log") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  log_batch end;
  end.last = true;
  {
    log_file file(log, {});
    REQUIRE(file.open());
    REQUIRE(file.append(end));
  }
  CHECK(fs::exists(log));
  CHECK(fs::file_size(log) == 0);
  CHECK_FALSE(fs::exists(log.string() + ".streams"));
  std::ofstream(log) << "copied before\n";
  log_file file(log, {});
  REQUIRE(file.open());
  REQUIRE(file.append(end));
  CHECK(content(log) == "copied before\n");
}

TEST_CASE("a crash at any point of any write loses nothing and doubles nothing") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  const std::vector<std::string> order{"t.0.log.cut", "t.0.log.streams.new", "t.0.log.streams", "t.0.log",
                                       "t.0.log.position"};
  std::mt19937 random(1);
  const auto below = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  copy_point point;
  for (int round = 0; round < 400; ++round) {
    const auto before = take(folder.path());
    {
      log_file file(log, {});
      REQUIRE(file.open()->to_text() == point.to_text());
      REQUIRE(file.append(batch_after(point, 1 + below(20))));
    }
    auto state = take(folder.path());
    // Up to some file all is written, of that one a part, and nothing of those that follow.
    const auto cut = below(order.size() + 1);
    for (std::size_t i = cut; i < order.size(); ++i) {
      const auto old = before.count(order[i]) != 0 ? before.at(order[i]) : std::string();
      auto& text = state[order[i]];
      if (i > cut || order[i] == "t.0.log.position") {
        // What is written in place: the front of it is new.
        const auto fresh = i > cut ? 0 : below(text.size() + 1);
        text = text.substr(0, fresh) + old.substr(std::min(old.size(), fresh));
      } else if (text.size() > old.size()) {
        text.resize(old.size() + below(text.size() - old.size() + 1));
      }
      if (text.empty() && before.count(order[i]) == 0)
        state.erase(order[i]);
    }
    put_back(folder.path(), state);
    log_file file(log, {});
    const auto opened = file.open();
    REQUIRE(opened);
    point = *opened;
    if (below(2) == 0)
      continue; // A crash before anything is written.
    const auto batch = batch_after(point, 1 + below(5));
    REQUIRE(file.append(batch));
    point = batch.after;
    INFO("round " << round);
    REQUIRE(same(content(log), lines(0, point.records)));
    REQUIRE(same(told(log, store::log_origin::errors), lines(0, point.records, 1)));
  }
  CHECK(point.records > 1000);
}

TEST_CASE("a process that is killed at any moment leaves a log that another goes on with") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  std::mt19937 random(2);
  std::uint64_t last = 0;
  for (int round = 0; round < 40; ++round) {
    const auto patience = std::uniform_int_distribution<suseconds_t>(50, 3000)(random);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      // Nobody handles it: the process ends wherever it is.
      std::signal(SIGALRM, SIG_DFL);
      const itimerval timer{{0, 0}, {0, patience}};
      ::setitimer(ITIMER_REAL, &timer, nullptr);
      log_file file(log, small_limits());
      auto point = file.open();
      for (std::uint64_t i = 0; point; ++i) {
        const auto batch = batch_after(*point, 1 + i % 40);
        if (!file.append(batch))
          break;
        point = batch.after;
      }
      ::_exit(3);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    log_file file(log, small_limits());
    const auto point = file.open();
    REQUIRE(point);
    REQUIRE(point->records >= last);
    last = point->records;
    const auto batch = batch_after(*point, 1);
    REQUIRE(file.append(batch));
    INFO("round " << round << ", " << last << " lines");
    // Head, perhaps a mark, and an end without a hole.
    const auto text = content(log);
    const auto mark = text.find("[muster: ");
    const auto head = text.substr(0, std::min(mark, text.size()));
    const auto every = lines(0, batch.after.records);
    REQUIRE(every.substr(0, head.size()) == head);
    if (mark == std::string::npos) {
      REQUIRE(same(text, every));
    } else {
      const auto rest = text.substr(text.find('\n', mark) + 1);
      REQUIRE(rest.size() < every.size());
      REQUIRE(every.substr(every.size() - rest.size()) == rest);
      REQUIRE_THAT(text, ContainsSubstring("; " + std::to_string(every.size() - rest.size() - head.size()) +
                                           " bytes were cut out here]\n"));
    }
    REQUIRE(told(log, store::log_origin::errors).size() + told(log, store::log_origin::output).size() +
                (mark == std::string::npos ? 0 : text.find('\n', mark) + 1 - mark) ==
            text.size());
  }
  CHECK(last > 1000);
}

TEST_CASE("the middle of a log that grows too large is cut out, at ends of lines, with its true size") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  const auto limits = small_limits();
  log_file file(log, limits);
  auto point = *file.open();
  std::uintmax_t largest = 0;
  while (point.records < 20'000) {
    const auto batch = batch_after(point, 25);
    REQUIRE(file.append(batch));
    point = batch.after;
    largest = std::max(largest, fs::file_size(log));
  }
  CHECK(largest <= static_cast<std::uintmax_t>(limits.most));
  const auto text = content(log);
  const auto every = lines(0, point.records);
  const auto mark = text.find("[muster: the log grew over 65536 bytes; ");
  REQUIRE(mark != std::string::npos);
  CHECK(text.find("[muster: ", mark + 1) == std::string::npos);
  CHECK(mark <= 8192);
  CHECK(mark > 8192 - 1000);
  CHECK(every.substr(0, mark) == text.substr(0, mark));
  const auto rest = text.substr(text.find('\n', mark) + 1);
  CHECK(every.substr(every.size() - rest.size()) == rest);
  CHECK(file.dropped() == every.size() - rest.size() - mark);
  CHECK_THAT(text, ContainsSubstring(std::to_string(file.dropped()) + " bytes were cut out here]\n"));
  // Who wrote what survives it.
  CHECK(told(log, store::log_origin::errors).find("ooooo") == std::string::npos);
  CHECK(told(log, store::log_origin::output).find("eeeee") == std::string::npos);
  CHECK(told(log, store::log_origin::muster).rfind("[muster: the log grew", 0) == 0);
  CHECK_FALSE(fs::exists(log.string() + ".cut"));
}

TEST_CASE("a crash in the middle of a cut is made good") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  std::mt19937 random(3);
  const auto below = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  log_file file(log, small_limits());
  auto point = *file.open();
  auto before = take(folder.path());
  for (;;) {
    before = take(folder.path());
    const auto batch = batch_after(point, 25);
    REQUIRE(file.append(batch));
    point = batch.after;
    if (file.dropped() > 0)
      break;
  }
  const auto after = take(folder.path());
  auto state = before;
  // The journal, made again by a cut of the same state that cannot go through.
  put_back(folder.path(), before);
  fs::create_directory(log.string() + ".streams.new");
  {
    log_file stuck(log, small_limits());
    const auto again = stuck.open();
    REQUIRE(again);
    REQUIRE(stuck.append(batch_after(*again, 25))); // The batch itself is written.
    CHECK(stuck.dropped() == 0);
    CHECK(fs::exists(log.string() + ".cut"));
    CHECK_FALSE(stuck.append(batch_after(point, 1))); // Not before the cut is through.
  }
  fs::remove(log.string() + ".streams.new");
  const auto journaled = take(folder.path());
  const auto whole = [&] {
    log_file next(log, small_limits());
    const auto opened = next.open();
    REQUIRE(opened);
    CHECK(opened->to_text() == point.to_text());
    const auto batch = batch_after(*opened, 1);
    REQUIRE(next.append(batch));
    CHECK(same(content(log), after.at("t.0.log") + line(point.records)));
    CHECK_FALSE(fs::exists(log.string() + ".cut"));
  };
  whole();
  for (int i = 0; i < 50; ++i) {
    state = journaled;
    // Anything may have been done already.
    const auto& mangled = after.at("t.0.log");
    state["t.0.log"] = mangled.substr(0, 8192 + below(mangled.size() - 8192));
    if (below(2) == 0)
      state["t.0.log.streams"] = after.at("t.0.log.streams");
    put_back(folder.path(), state);
    whole();
  }
  // A journal that was not written whole is none: the cut has not begun.
  state = journaled;
  state["t.0.log.cut"].resize(state["t.0.log.cut"].size() - 1 - below(1000));
  put_back(folder.path(), state);
  log_file next(log, small_limits());
  CHECK(next.open()->to_text() == point.to_text());
  CHECK_FALSE(fs::exists(log.string() + ".cut"));
  CHECK(same(content(log), lines(0, point.records)));
}

TEST_CASE("a disk that is full holds a log up, and nothing is missing when there is space again") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &usual) == 0);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  log_file file(log, {});
  auto point = *file.open();
  const auto first = batch_after(point, 50);
  REQUIRE(file.append(first));
  const auto second = batch_after(first.after, 200);
  auto tight = usual;
  tight.rlim_cur = fs::file_size(log) + 100;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto refused = file.append(second);
  const auto again = file.append(second);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &usual) == 0);
  std::signal(SIGXFSZ, old);
  REQUIRE_FALSE(refused);
  CHECK_FALSE(again);
  CHECK(refused.failure().code == ec::io_error);
  CHECK_THAT(refused.failure().message, ContainsSubstring("cannot write " + log.string()));
  CHECK(log_file(log, {}).open()->records == 50);
  REQUIRE(file.append(second));
  CHECK(same(content(log), lines(0, 250)));
  CHECK(same(told(log, store::log_origin::errors), lines(0, 250, 1)));
}

TEST_CASE("a log that is shorter than it should be is copied from its beginning") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  {
    log_file file(log, {});
    const auto point = *file.open();
    REQUIRE(file.append(batch_after(point, 50)));
  }
  fs::resize_file(log, 20);
  log_file file(log, {});
  const auto point = file.open();
  REQUIRE(point);
  CHECK(point->records == 0);
  REQUIRE(file.append(batch_after(*point, 60)));
  CHECK(same(content(log), lines(0, 60)));
  CHECK(same(told(log, store::log_origin::errors), lines(0, 60, 1)));
}

TEST_CASE("what lies beside a log may be anything") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  std::mt19937 random(4);
  for (int i = 0; i < 50; ++i) {
    for (const auto* suffix : {".position", ".streams", ".cut"}) {
      std::ofstream out(log.string() + suffix, std::ios::binary);
      for (int n = static_cast<int>(random() % 3000); n > 0; --n)
        out.put(static_cast<char>(random()));
    }
    log_file file(log, {});
    const auto point = file.open();
    REQUIRE(point);
    REQUIRE(point->records == 0);
    REQUIRE(file.append(batch_after(*point, 5)));
    CHECK(same(content(log), lines(0, 5)));
    CHECK(same(told(log, store::log_origin::errors), lines(0, 5, 1)));
  }
}

TEST_CASE("the file that tells streams apart does not grow without bound") {
  const test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  log_file file(log, {});
  copy_point point = *file.open();
  for (int i = 0; i < 50; ++i) {
    log_batch batch;
    for (int n = 0; n < 100'000; ++n) {
      const bool error = n % 2 == 0;
      batch.bytes += error ? 'e' : 'o';
      batch.runs.push_back({error ? store::log_origin::errors : store::log_origin::output, 1});
    }
    point.add(0, i, batch.bytes, {});
    batch.after = point;
    REQUIRE(file.append(batch));
  }
  CHECK(fs::file_size(store::streams_of(log)) <= (4U << 20U) + 16);
  CHECK(fs::file_size(log) == 5'000'000);
  store::log_streams streams(log);
  streams.refresh();
  CHECK(streams.partly_unknown());
  // As far as it is told, each has its own; of the rest, both have all.
  const auto errors = told(log, store::log_origin::errors);
  CHECK(errors.substr(0, 1000) == std::string(1000, 'e'));
  CHECK(errors.substr(errors.size() - 4) == "eoeo");
  // It goes on so.
  log_file next(log, {});
  REQUIRE(next.open());
  log_batch batch;
  batch.bytes = "x";
  batch.runs = {{store::log_origin::output, 1}};
  batch.after = point;
  REQUIRE(next.append(batch));
  CHECK(fs::file_size(store::streams_of(log)) <= (4U << 20U) + 16);
  CHECK(told(log, store::log_origin::errors).back() == 'x');
}
