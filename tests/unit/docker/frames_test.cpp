#include "executors/docker/engine/frames.hpp"

#include "support/catch.hpp"

#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace muster;
using namespace muster::docker;

namespace {

using records = std::vector<std::pair<log_stream, std::string>>;

std::string frame(log_stream from, const std::string& text) {
  std::string out{static_cast<char>(from), 0, 0, 0};
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    out.push_back(static_cast<char>(text.size() >> shift & 0xffU));
  return out + text;
}

/// What comes out when `bytes` come in these pieces.
records decode(log_format format, const std::string& bytes, const std::vector<std::size_t>& cuts) {
  frame_decoder decoder(format);
  records out;
  const auto take = [&](log_stream from, std::string_view text) { out.emplace_back(from, text); };
  std::size_t begin = 0;
  for (const auto cut : cuts) {
    REQUIRE(decoder.feed(std::string_view(bytes).substr(begin, cut - begin), take).ok());
    begin = cut;
  }
  REQUIRE(decoder.feed(std::string_view(bytes).substr(begin), take).ok());
  REQUIRE(decoder.finish(take).ok());
  return out;
}

void check_all_splits(log_format format, const std::string& bytes, const records& expected) {
  CHECK(decode(format, bytes, {}) == expected);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    INFO("cut at " << cut);
    REQUIRE(decode(format, bytes, {cut}) == expected);
  }
  std::vector<std::size_t> each;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut)
    each.push_back(cut);
  CHECK(decode(format, bytes, each) == expected);
  std::mt19937 random(7); // NOLINT(bugprone-random-generator-seed): the same on every run
  for (int round = 0; round < 300; ++round) {
    std::vector<std::size_t> cuts;
    for (std::size_t cut = 0; (cut += random() % 40) < bytes.size();)
      cuts.push_back(cut);
    REQUIRE(decode(format, bytes, cuts) == expected);
  }
}

} // namespace

TEST_CASE("frames come out whole, however they come in") {
  const std::string large(20'000, 'x');
  const std::string bytes = frame(log_stream::output, "one\n") + frame(log_stream::errors, "two\n") +
                            frame(log_stream::output, "") + frame(log_stream::output, std::string("\0\1\n", 3)) +
                            frame(log_stream::system, "trouble") + frame(log_stream::output, "no newline");
  check_all_splits(log_format::multiplexed, bytes,
                   {{log_stream::output, "one\n"},
                    {log_stream::errors, "two\n"},
                    {log_stream::output, std::string("\0\1\n", 3)},
                    {log_stream::system, "trouble"},
                    {log_stream::output, "no newline"}});
  CHECK(decode(log_format::multiplexed, frame(log_stream::errors, large), {5, 9, 10'000}) ==
        records{{log_stream::errors, large}});
}

TEST_CASE("a raw log comes out in lines") {
  check_all_splits(log_format::raw, "one\r\n\ntwo\nrest",
                   {{log_stream::output, "one\r\n"},
                    {log_stream::output, "\n"},
                    {log_stream::output, "two\n"},
                    {log_stream::output, "rest"}});
}

TEST_CASE("a raw line without an end is cut, so that memory is bounded") {
  const std::string endless(frame_decoder::max_frame * 2 + 5, 'x');
  const auto out = decode(log_format::raw, endless, {7, frame_decoder::max_frame + 1});
  REQUIRE(out.size() == 3);
  CHECK(out[0].second.size() == frame_decoder::max_frame);
  CHECK(out[1].second.size() == frame_decoder::max_frame);
  CHECK(out[2].second == "xxxxx");
}

TEST_CASE("what is no frame is refused") {
  const auto nothing = [](log_stream, std::string_view) {};
  const auto text = frame_decoder().feed("plain text of a terminal", nothing);
  REQUIRE_FALSE(text.ok());
  CHECK(text.failure().code == ec::data_error);
  const auto large = frame_decoder().feed(std::string("\1\0\0\0\x7f\xff\xff\xff", 8), nothing);
  REQUIRE_FALSE(large.ok());
  CHECK(large.failure().message.find("2147483647") != std::string::npos);
}

TEST_CASE("a log that ends within a frame is noticed") {
  const auto bytes = frame(log_stream::output, "whole\n");
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    frame_decoder decoder;
    int count = 0;
    const auto take = [&](log_stream, std::string_view) { ++count; };
    REQUIRE(decoder.feed(bytes.substr(0, size), take).ok());
    CHECK_FALSE(decoder.finish(take).ok());
    CHECK(count == 0);
  }
}
