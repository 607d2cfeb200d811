#include "muster/picture/timeline.hpp"

#include "muster/base/utf8.hpp"
#include "support/catch.hpp"
#include "support/xml.hpp"

#include <string>

using namespace muster;
using namespace muster::test;
using std::chrono::seconds;

namespace {

timestamp at(std::int64_t s) {
  return timestamp{seconds{1'000'000 + s}};
}

picture::attempt_bar bar(const std::string& task, std::int64_t queued, std::int64_t init, std::int64_t run,
                         std::int64_t end, status s = status::completed) {
  picture::attempt_bar x;
  x.task = task;
  x.status = s;
  x.queued = at(queued);
  x.initializing = at(init);
  x.running = at(run);
  x.ended = at(end);
  return x;
}

xml_element parsed(const std::string& svg) {
  std::string problem;
  auto root = parse_xml(svg, problem);
  INFO(problem);
  REQUIRE(root);
  return std::move(*root);
}

/// The bar of one attempt.
const xml_element& bar_of(const xml_element& root, std::string_view task, std::string_view attempt = "0") {
  const xml_element* found = nullptr;
  for (const auto* g : root.all("g"))
    if (g->attributes.count("data-task") > 0 && g->attributes.at("data-task") == task &&
        g->attributes.at("data-attempt") == attempt) {
      CHECK(found == nullptr);
      found = g;
    }
  INFO(task << " " << attempt);
  REQUIRE(found != nullptr);
  return *found;
}

/// Where a phase begins and ends, as parts of the plot.
std::pair<double, double> span(const xml_element& g, const std::string& phase) {
  for (const auto* rect : g.all("rect"))
    if (rect->attributes.at("class") == phase) {
      const auto x = (std::stod(rect->attributes.at("x")) - 300) / 880;
      return {x, x + std::stod(rect->attributes.at("width")) / 880};
    }
  FAIL("no phase " << phase);
  return {};
}

} // namespace

TEST_CASE("the picture is well-formed and has a bar for each attempt where it belongs") {
  picture::timeline_builder builder;
  builder.add(bar("first", 0, 10, 20, 60));
  auto again = bar("second", 0, 10, 20, 30, status::rescheduled);
  builder.add(again);
  again = bar("second", 30, 40, 50, 100, status::failed);
  again.attempt = 1;
  again.exit_code = 9;
  again.reason = "exit <code> & \"9\" \x01 \xff";
  builder.add(again);
  picture::attempt_bar open;
  open.task = "third";
  open.status = status::scheduling;
  open.queued = at(70);
  builder.add(open);
  const auto line = builder.finish("run-1 <RUNNING>", at(0), at(100));
  const auto root = parsed(to_svg(line));
  CHECK(root.name == "svg");
  CHECK(root.attributes.at("xmlns") == "http://www.w3.org/2000/svg");
  CHECK(root.all("title").front()->text == "run-1 <RUNNING>");
  CHECK(root.all("script").empty());
  CHECK(root.all("image").empty());
  const auto& first = bar_of(root, "first");
  CHECK(first.attributes.at("class") == "ok");
  CHECK(span(first, "queued").first == Approx(0).margin(0.001));
  CHECK(span(first, "queued").second == Approx(0.1).margin(0.001));
  CHECK(span(first, "initializing").first == Approx(0.1).margin(0.001));
  CHECK(span(first, "running").first == Approx(0.2).margin(0.001));
  CHECK(span(first, "running").second == Approx(0.6).margin(0.001));
  CHECK(span(bar_of(root, "second"), "running").second == Approx(0.3).margin(0.001));
  CHECK(bar_of(root, "second").attributes.at("class") == "stopped");
  const auto& failed = bar_of(root, "second", "1");
  CHECK(failed.attributes.at("class") == "bad");
  CHECK(span(failed, "running").first == Approx(0.5).margin(0.001));
  CHECK_THAT(failed.all("title").front()->text, ContainsSubstring("exit <code> & \"9\" ? ?"));
  CHECK(span(bar_of(root, "third"), "queued").first == Approx(0.7).margin(0.001));
  CHECK(span(bar_of(root, "third"), "queued").second == Approx(1).margin(0.001));
  std::size_t bars = 0;
  for (const auto* g : root.all("g"))
    bars += g->attributes.count("data-task");
  CHECK(bars == 4);
}

TEST_CASE("scopes are headings, and many elements of one foreach share a row") {
  picture::timeline_limits limits;
  limits.elements = 10;
  limits.slices = 10;
  picture::timeline_builder builder(limits);
  for (int i = 0; i < 100; ++i) {
    auto x = bar("map.1.leaf." + std::to_string(i), 0, i / 2, i / 2, 50, i < 3 ? status::failed : status::completed);
    picture::place_in_flow(x);
    builder.add(x);
  }
  for (int i = 0; i < 3; ++i) {
    auto x = bar("few." + std::to_string(i), 50, 60, 60, 100);
    picture::place_in_flow(x);
    CHECK(x.scope == std::vector<std::string>{"few"});
    CHECK(x.family == "few.*");
    builder.add(x);
  }
  const auto line = builder.finish("x", at(0), at(100));
  REQUIRE(line.rows.size() == 5);
  CHECK(line.rows[0].label == "map.*.leaf.*");
  REQUIRE(line.rows[0].band);
  CHECK(line.rows[0].band->attempts == 100);
  CHECK(line.rows[0].band->failed == 3);
  REQUIRE(line.rows[0].band->running.size() == 10);
  CHECK(line.rows[0].band->running[0] == 20); // 0 to 9 seconds
  CHECK(line.rows[0].band->running[4] == 100);
  CHECK(line.rows[0].band->running[6] == 0);
  CHECK(line.rows[1].label == "few");
  CHECK(line.rows[2].depth == 1);
  REQUIRE(line.rows[2].bar);
  CHECK(line.rows[2].bar->task == "few.0");
  const auto root = parsed(to_svg(line));
  CHECK(root.all("g").size() == 4);
}

TEST_CASE("a timeline of very many attempts stays bounded") {
  picture::timeline_limits limits;
  limits.rows = 20;
  picture::timeline_builder builder(limits);
  for (int i = 0; i < 1000; ++i)
    builder.add(bar("t" + std::to_string(i), 0, 1, 2, 3));
  const auto line = builder.finish("x", at(0), at(3));
  REQUIRE(line.rows.size() == 21);
  CHECK(line.rows.back().label == "980 more attempts");
  CHECK(line.rows.back().band->attempts == 980);
}

TEST_CASE("a timeline without attempts or without any time is drawn") {
  CHECK(parsed(to_svg(picture::timeline_builder{}.finish("empty", at(0), at(0)))).all("g").empty());
  picture::timeline_builder builder;
  builder.add(bar("a", 0, 0, 0, 0));
  const auto line = builder.finish("x", at(0), at(0));
  CHECK(bar_of(parsed(to_svg(line)), "a").all("rect").size() == 1);
  CHECK(to_text(line, 80).size() == 2);
}

TEST_CASE("text fits the terminal and shows the phases") {
  picture::timeline_builder builder;
  builder.add(bar("a", 0, 25, 50, 100, status::failed_exec_timeout));
  builder.add(bar(std::string(200, 'n'), 0, 0, 0, 1));
  const auto line = builder.finish("x", at(0), at(100));
  for (const std::size_t width : {60U, 80U, 200U}) {
    const auto lines = to_text(line, width);
    REQUIRE(lines.size() == 3);
    for (const auto& x : lines)
      CHECK(code_points(x.text) <= width);
  }
  const auto lines = to_text(line, 80);
  CHECK_THAT(lines[1].text, ContainsSubstring("·░"));
  CHECK_THAT(lines[1].text, ContainsSubstring("░█"));
  CHECK_THAT(lines[1].text, ContainsSubstring("FAILED_EXEC_TIMEOUT"));
  CHECK(lines[1].status == status::failed_exec_timeout);
}

TEST_CASE("ticks are round numbers") {
  for (const std::int64_t micros : {1LL, 900LL, 1'500'000LL, 65'000'000LL, 7'200'000'000LL, 900'000'000'000LL}) {
    const auto ticks = picture::ticks_of(duration{micros}, 8);
    CHECK(ticks.size() <= 9);
    CHECK((ticks.size() >= 2 || micros == 1));
    CHECK(ticks.front() == duration{});
  }
  CHECK(picture::ticks_of(seconds{65}, 8)[1] == seconds{10});
  CHECK(picture::tick_text(duration{250'000}) == "250ms");
  CHECK(picture::tick_text(duration{1'500'000}) == "1.5s");
  CHECK(picture::tick_text(seconds{90}) == "1m30s");
  CHECK(picture::tick_text(seconds{5400}) == "1h30m");
}
