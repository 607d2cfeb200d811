#include "fixture.hpp"

using namespace muster;
using namespace muster::store;

namespace {

std::vector<std::string> ids(const std::vector<workflow_record>& list) {
  std::vector<std::string> out;
  for (const auto& x : list)
    out.push_back(x.id);
  return out;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("workflows are listed newest first, filtered, in pages") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  must(w.submit(sample(1, 0, "train")));
  const auto second = must(w.submit(sample(1, 0, "eval"))).key;
  const auto third = must(w.submit(sample(1, 0, "train"))).key;
  must(w.append(workflow_event(second, event_type::workflow_status, status::running)));
  must(w.append(workflow_event(third, event_type::workflow_status, status::completed)));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(ids(must(r.workflows({}))) == names{"train-2", "eval-1", "train-1"});
  workflow_query query;
  query.limit = 2;
  const auto page = must(r.workflows(query));
  CHECK(ids(page) == names{"train-2", "eval-1"});
  query.before = page.back().key;
  CHECK(ids(must(r.workflows(query))) == names{"train-1"});
  query = {};
  query.name = "train";
  CHECK(ids(must(r.workflows(query))) == names{"train-2", "train-1"});
  query.unfinished = true;
  CHECK(ids(must(r.workflows(query))) == names{"train-1"});
  query = {};
  query.statuses = {status::running, status::completed};
  CHECK(ids(must(r.workflows(query))) == names{"train-2", "eval-1"});
  query.limit = 0;
  CHECK(must(r.workflows(query)).empty());
}

TEST_CASE("the nodes in use are those where attempts of unfinished workflows have places") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto place = [&](workflow_key of, std::uint32_t task, const char* node) {
    must(w.append(task_event(of, task, task, status::processing)));
    auto x = task_event(of, task, task, status::initializing);
    x.node = node;
    must(w.append(x));
  };
  const auto ended = must(w.submit(sample(2, 0, "train"))).key;
  const auto key = must(w.submit(sample(4, 0, "train"))).key;
  const auto next = must(w.submit(sample(1, 0, "train"))).key;
  place(ended, 0, "n1");
  must(w.append(workflow_event(ended, event_type::workflow_status, status::completed)));
  place(key, 0, "n2");
  must(w.append(task_event(key, 0, 0, status::running)));
  place(key, 1, "n3");
  place(key, 2, "n4");
  must(w.append(task_event(key, 2, 2, status::completed)));
  must(w.append(task_event(key, 3, 3, status::processing)));
  place(next, 0, "n2");
  must(w.commit());
  auto nodes = must(must(reader::open(state.directory())).nodes_in_use());
  std::sort(nodes.begin(), nodes.end());
  CHECK(nodes == std::vector<std::string>{"n2", "n3"});
}

TEST_CASE("what is not found is told with what is near") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  auto x = sample(2, 0, "train-big");
  x.tasks[1].name = "two";
  const auto key = must(w.submit(x)).key;
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.workflow("train-big-1")).key == key);
  for (const auto* wrong : {"train-bug-1", "train-big", "train-big-01", "train-big-2"}) {
    const auto missing = r.workflow(wrong);
    REQUIRE_FALSE(missing);
    CHECK(missing.failure().code == ec::not_found);
    CHECK_THAT(missing.failure().message, ContainsSubstring("did you mean train-big-1?"));
  }
  for (const auto* wrong : {"", "-", "-1", "x-99999999999999999999", "something-else-entirely"}) {
    const auto missing = r.workflow(wrong);
    REQUIRE_FALSE(missing);
    CHECK(missing.failure().message.find("did you mean") == std::string::npos);
  }
  CHECK(must(r.task(key, "two")).index == task_index{1});
  const auto missing = r.task(key, "tvo");
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.failure().message, ContainsSubstring("did you mean two?"));
  CHECK(code_of(r.workflow(workflow_key{5})) == ec::not_found);
  CHECK(code_of(r.spec_text({5})) == ec::not_found);
}

TEST_CASE("rows come in pages, and stay within their workflow") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto first = must(w.submit(sample(5))).key;
  const auto second = must(w.submit(sample(3))).key;
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.tasks(first, {0}, 2)).size() == 2);
  CHECK(must(r.tasks(first, {4}, 2)).size() == 1);
  CHECK(must(r.tasks(first, {5}, 2)).empty());
  CHECK(must(r.tasks(first, {0xffffffffU}, 2)).empty());
  CHECK(must(r.groups(first, {3}, 100)).size() == 2);
  CHECK(must(r.bodies(second, {1}, 100)).size() == 2);
  CHECK(must(r.tasks(second, {0}, 100)).size() == 3);
  CHECK(must(r.tasks({99}, {0}, 100)).empty());
  CHECK(must(r.attempts(second, {0xffffffffU})).empty());
  CHECK(must(r.upstream(second, {0xffffffffU})).empty());
}

TEST_CASE("names of groups are read in one pass, all of them or those that have not ended") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(40))).key;
  const auto other = must(w.submit(sample(2))).key;
  for (std::uint32_t i = 0; i < 40; ++i)
    if (i % 10 != 3) {
      must(w.append(task_event(key, i, i, status::processing)));
      must(w.append(task_event(key, i, i, status::completed)));
    }
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto records = must(r.groups(key, {0}, 40));
  REQUIRE(records.size() == 40);
  const auto names = [&](const std::vector<std::uint32_t>& at) {
    std::vector<std::string> out;
    for (const auto i : at)
      out.push_back(records[i].name);
    return out;
  };
  std::vector<group_index> all;
  for (std::uint32_t i = 0; i < 40; ++i)
    all.push_back({i});
  CHECK(must(r.group_names(key, all, 100)).size() == 40);
  CHECK(must(r.group_names(key, all, 3)) == names({0, 1, 2}));
  CHECK(must(r.group_names(key, all, 100, true)) == names({3, 13, 23, 33}));
  CHECK(must(r.group_names(key, all, 2, true)) == names({3, 13}));
  CHECK(must(r.group_names(key, {{2}, {3}, {33}, {34}, {39}}, 100)) == names({2, 3, 33, 34, 39})); // Some far apart.
  CHECK(must(r.group_names(key, {{2}, {3}, {33}, {34}, {39}}, 100, true)) == names({3, 33}));
  CHECK(must(r.group_names(key, {{39}, {40}, {0xffffffffU}}, 100)) == names({39}));
  CHECK(must(r.group_names(key, {}, 100)).empty());
  CHECK(must(r.group_names(key, all, 0)).empty());
  CHECK(must(r.group_names(other, all, 100)).size() == 2);
}

TEST_CASE("events are filtered, and a follower misses none") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto first = must(w.submit(sample(2, 2))).key;
  const auto second = must(w.submit(sample(2))).key;
  must(w.append(task_event(first, 0, 0, status::processing)));
  must(w.append(task_event(second, 0, 0, status::processing)));
  must(w.append(task_event(first, 1, 1, status::processing)));
  must(w.append(group_event(first, 2, status::processing)));
  must(w.append(task_event(first, 0, 0, status::running)));
  must(w.append(workflow_event(second, event_type::workflow_status, status::failed)));
  must(w.append(task_event(second, 1, 1, status::failed_canceled)));
  must(w.append(workflow_event(first, event_type::workflow_status, status::running)));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  const auto numbers = [&](const event_query& query) {
    std::vector<std::uint64_t> out;
    for (const auto& x : must(r.events(query)).events)
      out.push_back(x.fact.seq.value);
    return out;
  };
  using list = std::vector<std::uint64_t>;
  event_query query;
  query.workflow = first;
  CHECK(numbers(query) == list{1, 3, 5, 6, 7, 10});
  query.group = group_index{0};
  CHECK(numbers(query) == list{3, 7});
  query.after.value = 3;
  CHECK(numbers(query) == list{7});
  query = {};
  query.workflow = first;
  query.task = task_index{1};
  CHECK(numbers(query) == list{5});
  query = {};
  query.workflow = second;
  CHECK(numbers(query) == list{2, 4, 8, 9});
  query = {};
  query.types = {event_type::workflow_status, event_type::group_status};
  CHECK(numbers(query) == list{6, 8, 10});
  query.limit = 1;
  auto page = must(r.events(query));
  CHECK_FALSE(page.at_end);
  CHECK(page.next_after == sequence{6});
  query.after = {8};
  query.limit = 1;
  page = must(r.events(query));
  CHECK(page.at_end);
  CHECK(page.next_after == sequence{10});
  query.after = {10};
  CHECK(must(r.events(query)).events.empty());
  must(w.append(task_event(first, 1, 1, status::running)));
  must(w.commit());
  page = must(r.events(query));
  CHECK(page.events.empty());
  CHECK(page.next_after == sequence{11});
  query = {};
  query.workflow = workflow_key{77};
  CHECK(code_of(r.events(query)) == ec::not_found);
}

TEST_CASE("changes are noticed, and a snapshot does not see them") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  auto r = must(reader::open(state.directory()));
  const auto before = must(r.data_version());
  CHECK(must(r.data_version()) == before);
  must(w.submit(sample(1)));
  must(w.commit());
  CHECK(must(r.data_version()) != before);
  {
    const auto frozen = must(r.freeze());
    CHECK(frozen.at() == sequence{1});
    must(w.submit(sample(1)));
    must(w.commit());
    CHECK(must(r.latest()) == sequence{1});
    CHECK(must(r.workflows({})).size() == 1);
  }
  CHECK(must(r.latest()) == sequence{2});
}

TEST_CASE("any bytes survive in texts") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const std::string odd{"a\0b\xff\xfe'\"\n", 8};
  auto x = sample(1);
  x.spec_text = odd;
  x.tasks[0].body = odd;
  x.options = odd;
  const auto key = must(w.submit(x)).key;
  auto e = task_event(key, 0, 0, status::processing);
  e.text = odd;
  must(w.append(e));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.spec_text(key)) == odd);
  CHECK(must(r.bodies(key, {}, 1)).at(0).body == odd);
  CHECK(must(r.workflow(key)).options == odd);
  CHECK(must(r.events({})).events.at(1).fact.text == odd);
  CHECK(must(r.task(key, "one")).reason == odd);
}

TEST_CASE("a page of what is rare in a long log ends before it has looked at all of it") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto first = must(w.submit(sample(1))).key;  // 1
  const auto second = must(w.submit(sample(1))).key; // 2
  for (int i = 0; i < 45'000; ++i)
    must(w.append(workflow_event(first, event_type::workflow_resumed)));
  must(w.append(workflow_event(second, event_type::workflow_status, status::running))); // 45'003
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  event_query by_type;
  by_type.types = {event_type::workflow_status};
  event_query by_workflow;
  by_workflow.workflow = second;
  by_workflow.after = {2};
  for (auto query : {by_type, by_workflow}) {
    std::vector<std::uint64_t> seen;
    int pages = 1;
    for (;; ++pages) {
      const auto page = must(r.events(query));
      CHECK(page.next_after.value <= query.after.value + 20'000);
      for (const auto& x : page.events)
        seen.push_back(x.fact.seq.value);
      query.after = page.next_after;
      if (page.at_end)
        break;
    }
    CHECK(seen == std::vector<std::uint64_t>{45'003});
    CHECK(pages == 3);
  }
}
