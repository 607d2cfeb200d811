#include "event_fixture.hpp"

#include <nlohmann/json.hpp>

#include <numeric>
#include <random>
#include <thread>

using namespace muster;
using namespace muster::test;
using namespace muster::gateway;
using next = http::body_stream::next;

TEST_CASE("a stream has every event once and in order, wherever it begins") {
  // Some of it is in memory, the rest only in the log.
  event_fixture f{8 * 1024, 16};
  stream_client live{*f.feed, from(1)};
  for (int i = 0; i < 30; ++i) {
    f.happen(10);
    live.read_to(1 + 10 * (static_cast<std::uint64_t>(i) + 1), 700);
  }
  CHECK(live.events() == all_of(2, 301));
  for (std::uint64_t after = 0; after <= 301; ++after) {
    stream_client x{*f.feed, from(after)};
    REQUIRE(x.drain(1000) == next::wait);
    REQUIRE(x.events() == all_of(after + 1, 301));
  }
  CHECK(f.feed->figures().oldest.value > 100);
  CHECK(f.feed->figures().bytes <= 8 * 1024 + 8 * 1024);
}

TEST_CASE("a client that comes again and again gets each event once, while events are committed") {
  constexpr std::uint64_t total = 4000;
  event_fixture f{32 * 1024, 64};
  std::thread writing{[&f] {
    std::mt19937 random{7};
    for (std::uint64_t done = 1; done < total;) {
      const auto count = std::min<std::uint64_t>(1 + random() % 40, total - done);
      f.happen(count);
      done += count;
    }
  }};
  std::mt19937 random{11};
  std::vector<std::uint64_t> seen;
  int connections = 0;
  while (seen.empty() || seen.back() < total) {
    stream_client x{*f.feed, from(seen.empty() ? 0 : seen.back())};
    x.read_to((seen.empty() ? 0 : seen.back()) + 1, 1 + random() % 4000);
    const auto some = x.events();
    seen.insert(seen.end(), some.begin(), some.end());
    ++connections;
  }
  writing.join();
  CHECK(seen == all_of(1, total));
  CHECK(connections > 3);
}

TEST_CASE("one that is behind reads the log, and holds up nobody") {
  event_fixture f{16 * 1024, 32};
  stream_client slow{*f.feed, from(1)};
  REQUIRE(slow.ask(100) == next::wait);
  stream_client quick{*f.feed, from(1)};
  for (std::uint64_t i = 1; i <= 50; ++i) {
    f.happen(20);
    quick.read_to(1 + 20 * i);
  }
  const auto before = f.feed->figures();
  CHECK(before.bytes <= 32 * 1024);
  CHECK(before.subscribers == 2);
  CHECK(quick.events() == all_of(2, 1001));
  // What it is given at once stays small, however far behind it is.
  REQUIRE(slow.drain(2000) == next::wait);
  CHECK(slow.events() == all_of(2, 1001));
  CHECK(slow.largest < 2000 + 1000);
  CHECK(f.feed->figures().disk_pages > before.disk_pages);
}

TEST_CASE("events that nobody may miss are filtered like one by one") {
  event_fixture f;
  const auto other = f.submit("other", "bob");
  for (int i = 0; i < 40; ++i) {
    const auto of = i % 3 == 0 ? other : f.first;
    f.append(event_type::group_status, of);
    f.append(event_type::task_status, of, static_cast<std::uint32_t>(i % 2));
    f.append(event_type::workflow_resumed, of);
  }
  f.commit();
  stream_client whole{*f.feed, from(0)};
  whole.read_to(122);
  const auto all = whole.events();
  REQUIRE(all == all_of(1, 122));

  auto r = f.reader();
  store::event_query query;
  const auto facts = must(r.events(query)).events;
  const auto check = [&](const event_filter& filter, auto wanted) {
    std::vector<std::uint64_t> expected;
    for (const auto& x : facts)
      if (wanted(x))
        expected.push_back(x.fact.seq.value);
    auto config = from(0);
    config.filter = filter;
    stream_client x{*f.feed, config};
    REQUIRE(x.drain() == next::wait);
    CHECK(x.events() == expected);
    CHECK_FALSE(expected.empty());
  };
  event_filter filter;
  filter.workflows = {other};
  check(filter, [&](const auto& x) { return x.fact.workflow == other; });
  filter.tasks = {"two"};
  check(filter, [&](const auto& x) { return x.fact.workflow == other && x.task == "two"; });
  filter = {};
  filter.workflows = {f.first, other};
  filter.groups = {"gang"};
  check(filter, [&](const auto& x) { return x.group == "gang"; });
  filter = {};
  filter.user = "ada";
  check(filter, [&](const auto& x) { return x.user == "ada"; });
  filter = {};
  must(set_types(filter, {"task.status", "workflow.submitted"}));
  check(filter, [&](const auto& x) {
    return x.fact.type == event_type::task_status || x.fact.type == event_type::workflow_submitted;
  });
  CHECK_FALSE(set_types(filter, {"task.exploded"}));
  CHECK_FALSE(set_types(filter, {"unspecified"}));
}

TEST_CASE("one that waits for something else is not woken, and its bookmark moves on all the same") {
  event_fixture f;
  const auto other = f.submit("other", "bob");
  stream_client{*f.feed, from(1)}.read_to(2);
  auto now = std::chrono::steady_clock::time_point{};
  auto config = from(2);
  config.filter.workflows = {other};
  config.now = [&now] { return now; };
  stream_client idle{*f.feed, config};
  stream_client busy{*f.feed, from(2)};
  REQUIRE(idle.drain() == next::wait);
  REQUIRE(busy.drain() == next::wait);
  f.happen(100);
  busy.read_to(102);
  CHECK(idle.wakes() == 0);
  CHECK(idle.body().deadline() == now + std::chrono::seconds{15});
  now += std::chrono::seconds{14};
  REQUIRE(idle.drain() == next::wait);
  CHECK(idle.bookmarks().empty());
  now += std::chrono::seconds{1};
  REQUIRE(idle.drain() == next::wait);
  CHECK(idle.bookmarks() == std::vector<std::uint64_t>{102});
  CHECK_THAT(idle.text, Catch::Matchers::EndsWith("event: bookmark\ndata: {\"seq\":102}\n\n"));
  CHECK(f.feed->figures().disk_pages == 0);
  f.append(event_type::workflow_resumed, other);
  f.commit();
  idle.read_to(103);
  CHECK(idle.events() == std::vector<std::uint64_t>{103});
}

TEST_CASE("a busy stream has bookmarks, too") {
  event_fixture f;
  auto now = std::chrono::steady_clock::time_point{};
  auto config = from(0);
  config.now = [&now] { return now; };
  config.form = event_form::ndjson;
  stream_client x{*f.feed, config};
  REQUIRE(x.drain() == next::wait);
  now += std::chrono::seconds{20};
  f.happen(1);
  stream_client other{*f.feed, from(1)};
  other.read_to(2);
  REQUIRE(x.drain() == next::wait);
  std::vector<nlohmann::json> lines;
  for (std::size_t at = 0; at < x.text.size(); at = x.text.find('\n', at) + 1)
    lines.push_back(nlohmann::json::parse(x.text.substr(at, x.text.find('\n', at) - at)));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["type"] == "workflow.submitted");
  CHECK(lines[0]["workflow"] == "flow-1");
  CHECK(lines[1]["seq"] == 2);
  CHECK(lines[2] == nlohmann::json{{"type", "bookmark"}, {"seq", 2}});
}

TEST_CASE("a stream whose next events were removed says so and ends") {
  event_fixture f{1, 8}; // Nothing but the newest block stays in memory.
  stream_client x{*f.feed, from(1)};
  REQUIRE(x.ask() == next::wait);
  stream_client quick{*f.feed, from(1)};
  for (std::uint64_t i = 1; i <= 10; ++i) {
    f.happen(10);
    quick.read_to(1 + 10 * i);
  }
  must(f.writer.compact({50}, 1000));
  must(f.writer.commit());
  CHECK(x.drain() == next::end);
  CHECK(x.events().empty());
  CHECK_THAT(x.text, Catch::Matchers::EndsWith("event: gone\ndata: {\"earliest_seq\":51}\n\n"));
  stream_client whole{*f.feed, from(50)};
  CHECK(whole.drain() == next::wait);
  CHECK(whole.events() == all_of(51, 101));
}

TEST_CASE("a feed that the log was shortened past goes on, and its streams are told") {
  event_fixture f;
  stream_client all{*f.feed, from(1)};
  auto config = from(1);
  config.filter.types.set(static_cast<std::size_t>(event_type::task_status));
  stream_client some{*f.feed, config};
  stream_client later{*f.feed, from(1)};
  REQUIRE(all.drain() == next::wait);
  REQUIRE(some.drain() == next::wait);
  for (int i = 0; i < 100; ++i)
    f.append(event_type::workflow_resumed, f.first);
  must(f.writer.commit());
  must(f.writer.compact({50}, 1000));
  f.commit(); // Only now the feed learns of any of it.
  for (auto* x : {&all, &some}) {
    x->read_until([&] { return x->last() == next::end; });
    CHECK(x->events().empty());
    CHECK_THAT(x->text, Catch::Matchers::EndsWith("event: gone\ndata: {\"earliest_seq\":51}\n\n"));
  }
  stream_client again{*f.feed, from(50)};
  again.read_to(101);
  f.happen(5);
  again.read_to(106);
  CHECK(again.events() == all_of(51, 106));
  CHECK(later.drain() == next::end); // Had it not looked yet, it is told all the same.
  CHECK_THAT(later.text, Catch::Matchers::EndsWith("event: gone\ndata: {\"earliest_seq\":51}\n\n"));
}

TEST_CASE("while the log is shortened no stream has a gap that it was not told of") {
  constexpr std::uint64_t total = 6000;
  event_fixture f{4 * 1024, 16}; // Nearly everything is read from the disk.
  const auto other = f.submit("other", "bob");
  // Each third event is of the other workflow.
  const auto is_of_other = [](std::uint64_t seq) { return seq % 3 == 0; };
  std::thread writing{[&] {
    std::mt19937 random{7};
    for (std::uint64_t seq = 3; seq <= total;) {
      for (auto left = 1 + random() % 40; left > 0 && seq <= total; --left, ++seq)
        f.append(event_type::workflow_resumed, is_of_other(seq) ? other : f.first);
      f.commit();
      if (random() % 4 != 0 || seq < 300)
        continue;
      while (must(f.writer.compact({seq - 1 - random() % 250}, 100)) == 100)
        f.commit();
      f.commit();
    }
  }};
  struct place {
    bool filtered;
    unsigned seed;
    int told_of_gaps = 0;
    std::uint64_t events = 0;
  };
  std::vector<place> places{{false, 1}, {false, 2}, {true, 3}, {true, 4}};
  std::vector<std::thread> reading;
  std::vector<std::string> wrong(places.size());
  for (std::size_t i = 0; i < places.size(); ++i)
    reading.emplace_back([&, i] {
      auto& x = places[i];
      std::mt19937 random{x.seed};
      for (std::uint64_t last = 0; last < total && wrong[i].empty();) {
        auto config = from(last);
        if (x.filtered)
          config.filter.workflows = {other};
        stream_client client{*f.feed, config};
        if (!client.try_read_until([&] { return client.last() == next::end || client.last_event() >= total; },
                                   1 + random() % 300))
          wrong[i] = "nothing came behind " + std::to_string(last);
        for (const auto seq : client.events()) {
          ++x.events;
          for (auto missing = last + 1; missing < seq; ++missing)
            if (!x.filtered || is_of_other(missing))
              wrong[i] = std::to_string(missing) + " did not come";
          last = seq;
        }
        if (client.last() != next::end)
          continue;
        const auto at = client.text.rfind("{\"earliest_seq\":");
        const auto earliest = at == std::string::npos ? 0 : std::stoull(client.text.substr(at + 16));
        if (earliest <= last + 1)
          wrong[i] = "it ended behind " + std::to_string(last) + ", and the log began at " + std::to_string(earliest);
        last = std::max<std::uint64_t>(last, earliest - 1);
        ++x.told_of_gaps;
      }
    });
  writing.join();
  for (auto& x : reading)
    x.join();
  for (std::size_t i = 0; i < places.size(); ++i) {
    CHECK(wrong[i] == "");
    CHECK(places[i].events > 0);
  }
}

TEST_CASE("a stream of a workflow that has ended stays open, and hears of its retry") {
  event_fixture f;
  f.append(event_type::workflow_status, f.first, 0, status::completed);
  f.commit();
  auto config = from(0);
  config.filter.workflows = {f.first};
  stream_client x{*f.feed, config};
  x.read_to(2);
  CHECK(x.drain() == next::wait);
  f.submit("other", "bob"); // 3
  f.append(event_type::workflow_retried, f.first);
  f.commit();
  x.read_to(4);
  CHECK(x.events() == std::vector<std::uint64_t>{1, 2, 4});
}

TEST_CASE("a feed may end before its streams") {
  event_fixture f;
  f.happen(10);
  stream_client x{*f.feed, from(0)};
  f.feed.reset();
  CHECK(x.drain() == next::wait);
  const auto seen = x.events();
  CHECK(std::vector<std::uint64_t>{seen.begin(), seen.end()} == all_of(1, seen.size()));
}

TEST_CASE("a page of CloudEvents has what there is, and where to go on") {
  event_fixture f;
  f.happen(9);
  stream_client ready{*f.feed, from(1)};
  ready.read_to(10);
  auto config = from(2);
  config.form = event_form::cloudevents;
  config.limit = 3;
  stream_client x{*f.feed, config};
  REQUIRE(x.drain() == next::end);
  auto page = nlohmann::json::parse(x.text);
  REQUIRE(page.size() == 4);
  CHECK(page[0]["specversion"] == "1.0");
  CHECK(page[0]["id"] == "3");
  CHECK(page[0]["sequence"] == "3");
  CHECK(page[0]["type"] == "muster.workflow.resumed");
  CHECK(page[0]["source"] == "urn:muster:log:" + f.feed->log_id());
  CHECK(page[0]["subject"] == "flow-1");
  CHECK(page[0]["data"]["workflow"] == "flow-1");
  CHECK(page[0]["time"] == page[0]["data"]["time"]);
  CHECK(page[3]["type"] == "muster.bookmark");
  CHECK(page[3]["data"]["seq"] == 5);

  // Up to the end.
  config.after = {5};
  config.limit = 100;
  stream_client rest{*f.feed, config};
  REQUIRE(rest.drain() == next::end);
  page = nlohmann::json::parse(rest.text);
  CHECK(page.size() == 6);
  CHECK(page[5]["data"]["seq"] == 10);

  // Nothing, and no patience.
  config.after = {10};
  stream_client none{*f.feed, config};
  REQUIRE(none.drain() == next::end);
  page = nlohmann::json::parse(none.text);
  REQUIRE(page.size() == 1);
  CHECK(page[0]["data"]["seq"] == 10);
}

TEST_CASE("a page of CloudEvents is made while it is sent") {
  event_fixture f;
  f.happen(99);
  stream_client{*f.feed, from(1)}.read_to(100);
  auto config = from(0);
  config.form = event_form::cloudevents;
  stream_client x{*f.feed, config};
  REQUIRE(x.drain(1000) == next::end);
  CHECK(x.largest < 2500);
  CHECK(x.text.size() > 10'000);
  const auto page = nlohmann::json::parse(x.text);
  REQUIRE(page.size() == 101);
  CHECK(page[99]["id"] == "100");
  CHECK(page[100]["data"]["seq"] == 100);
}

TEST_CASE("a page of CloudEvents waits for the first event, or for its time") {
  event_fixture f;
  auto now = std::chrono::steady_clock::time_point{};
  auto config = from(1);
  config.form = event_form::cloudevents;
  config.wait = std::chrono::seconds{30};
  config.now = [&now] { return now; };
  stream_client x{*f.feed, config};
  stream_client late{*f.feed, config};
  stream_client other{*f.feed, from(1)};
  REQUIRE(x.drain() == next::wait);
  REQUIRE(late.drain() == next::wait);
  CHECK(x.body().deadline() == now + std::chrono::seconds{30});
  CHECK(x.text.empty());
  now += std::chrono::seconds{30};
  REQUIRE(late.drain() == next::end);
  CHECK(nlohmann::json::parse(late.text).size() == 1);
  now -= std::chrono::seconds{1};
  f.append(event_type::task_status, f.first, 1);
  f.commit();
  other.read_to(2);
  REQUIRE(x.drain() == next::end);
  const auto page = nlohmann::json::parse(x.text);
  REQUIRE(page.size() == 2);
  CHECK(page[0]["subject"] == "flow-1/two");
}

TEST_CASE("a stream ends with the bookmark at which whoever asked for it counts no more") {
  for (const auto form : {event_form::sse, event_form::ndjson}) {
    event_fixture f;
    auto now = std::chrono::steady_clock::time_point{};
    bool counts = true;
    auto config = from(0);
    config.form = form;
    config.now = [&now] { return now; };
    config.may_go_on = [&counts] { return counts; };
    stream_client x{*f.feed, config};
    REQUIRE(x.drain() == next::wait);
    now += std::chrono::seconds{15};
    REQUIRE(x.drain() == next::wait);
    counts = false;
    f.happen(1);
    x.read_until([&] { return x.text.find("resumed") != std::string::npos; });
    now += std::chrono::seconds{15};
    CHECK(x.drain() == next::end);
    CHECK_THAT(x.text, ContainsSubstring("bookmark"));
  }
}

TEST_CASE("of a workflow of which nothing is left nothing comes, and that is no failure") {
  event_fixture f;
  f.append(event_type::workflow_status, f.first, 0, status::completed);
  f.commit();                                       // 2
  const auto other = f.submit("other", "bob");      // 3
  must(f.writer.remove_workflow(f.first, "asked")); // 4
  f.commit();
  while (must(f.writer.sweep(1000)))
    must(f.writer.commit());
  must(f.writer.compact({4}, 1000));
  f.commit();
  for (int i = 0; i < 3; ++i)
    f.append(event_type::workflow_resumed, other); // 5 to 7
  f.commit();
  stream_client{*f.feed, from(4)}.read_to(7);
  f.feed.reset();
  f.feed = must(event_feed::start({f.directory})); // All of it is behind.
  event_filter only;
  only.workflows = {f.first};
  subscription of{*f.feed, only};
  const auto got = of.next({4});
  REQUIRE(got.what == fetched_events::kind::events);
  CHECK(got.block->entries().empty());
  CHECK(got.block->through().value == 7);
  CHECK(of.next({7}).what == fetched_events::kind::caught_up);
}

TEST_CASE("the feed says how far the slowest stream is behind, and how long commits took to be passed on") {
  event_fixture f;
  auto config = from(1);
  stream_client slow{*f.feed, config};
  REQUIRE(slow.drain() == next::wait);
  CHECK(f.feed->figures().lag == 0);
  subscription webhook{*f.feed, {}, subscription::kind::webhook};
  webhook.start([] {});
  CHECK(webhook.next({1}).what == fetched_events::kind::caught_up);
  slow.expect_wake([&] { f.happen(7); });
  CHECK(f.feed->figures().lag == 7);
  slow.read_to(8);
  f.happen(1); // What came before it is counted when it comes.
  slow.read_to(9);
  REQUIRE(slow.drain() == next::wait);
  const auto after = f.feed->figures(); // The webhook has read nothing, and does not count.
  CHECK(after.lag == 0);
  CHECK(std::accumulate(after.passing.begin(), after.passing.end(), std::uint64_t{0}) >= 1);
  CHECK(after.passing_sum >= 0);
}
