#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include "muster/store/log_streams.hpp"

#include <fstream>
#include <limits>

using namespace muster::store;

namespace {

std::string text_of(const std::vector<log_run>& runs) {
  std::string text;
  for (const auto& run : runs)
    append_run(text, run);
  return text;
}

std::string passed(const log_streams& streams, std::uint64_t offset, std::string_view piece, log_origin wanted) {
  std::string out;
  streams.pass(offset, piece, wanted, [&](std::string_view part) { out += part; });
  return out;
}

void write(const std::filesystem::path& log, const std::string& text, std::ios::openmode how = std::ios::app) {
  std::ofstream(streams_of(log), std::ios::binary | how) << text;
}

} // namespace

TEST_CASE("runs of a log's streams are kept as short numbers") {
  const std::vector<log_run> runs{
      {log_origin::output, 1},  {log_origin::errors, 31},
      {log_origin::output, 32}, {log_origin::muster, 1'000'000},
      {log_origin::unknown, 0}, {log_origin::errors, std::numeric_limits<std::uint64_t>::max() / 8}};
  const auto text = text_of(runs);
  CHECK(text.substr(0, 4) == std::string("\x05\x7e\x81\x01"));
  std::string_view left = text;
  for (const auto& run : runs) {
    log_run read;
    REQUIRE(take_run(left, read));
    CHECK(read.from == run.from);
    CHECK(read.size == run.size);
  }
  CHECK(left.empty());
  log_run none;
  CHECK_FALSE(take_run(left, none));
  // Half a number is none; one without an end is none either.
  left = std::string_view(text).substr(2, 1);
  CHECK_FALSE(take_run(left, none));
  const std::string endless(20, '\xff');
  left = endless;
  CHECK_FALSE(take_run(left, none));
  CHECK(left.size() == 20);
}

TEST_CASE("a log is told apart from any place on, also while it grows") {
  const muster::test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  log_streams streams(log);
  CHECK_FALSE(streams.known());
  streams.refresh();
  write(log, text_of({{log_origin::output, 3}, {log_origin::errors, 2}}));
  streams.refresh();
  CHECK(streams.known());
  CHECK(passed(streams, 0, "oooee", log_origin::output) == "ooo");
  CHECK(passed(streams, 0, "oooee", log_origin::errors) == "ee");
  CHECK(passed(streams, 2, "oe", log_origin::errors) == "e");
  // A number that is there by half is waited for.
  const auto more = text_of({{log_origin::errors, 1}, {log_origin::output, 1000}});
  write(log, more.substr(0, more.size() - 1));
  streams.refresh();
  CHECK(streams.origin_at(5) == log_origin::errors);
  CHECK(streams.origin_at(6) == log_origin::unknown);
  write(log, more.substr(more.size() - 1));
  streams.refresh();
  CHECK(streams.origin_at(6) == log_origin::output);
  CHECK(streams.origin_at(1005) == log_origin::output);
  CHECK(streams.origin_at(1006) == log_origin::unknown);
  CHECK_FALSE(streams.partly_unknown());
}

TEST_CASE("what is not told apart is shown with either stream, and marks with none") {
  const muster::test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  write(log, text_of({{log_origin::output, 1}, {log_origin::muster, 1}, {log_origin::unknown, 0}}));
  log_streams streams(log);
  streams.refresh();
  CHECK(streams.partly_unknown());
  CHECK(passed(streams, 0, "om??", log_origin::output) == "o??");
  CHECK(passed(streams, 0, "om??", log_origin::errors) == "??");
}

TEST_CASE("a log whose middle was cut out is read anew") {
  const muster::test::temporary_folder folder;
  const auto log = folder.path() / "t.0.log";
  write(log, text_of({{log_origin::output, 100}, {log_origin::errors, 100}}));
  log_streams streams(log);
  streams.refresh();
  CHECK(streams.origin_at(150) == log_origin::errors);
  const auto fresh = streams_of(log).string() + ".new";
  std::ofstream(fresh, std::ios::binary) << text_of({{log_origin::errors, 10}, {log_origin::muster, 5}});
  std::filesystem::rename(fresh, streams_of(log));
  streams.refresh();
  CHECK(streams.origin_at(0) == log_origin::errors);
  CHECK(streams.origin_at(12) == log_origin::muster);
  CHECK(streams.origin_at(150) == log_origin::unknown);
}
