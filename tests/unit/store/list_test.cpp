#include "fixture.hpp"

using namespace muster;
using namespace muster::store;

namespace {

struct plan_of_workflow {
  std::string name, user, pool;
  std::map<std::string, std::string> labels;
  status ended;
};

/// Workflows that differ in everything that a list filters by; every combination is there several times.
std::vector<plan_of_workflow> make_many(writer& w) {
  std::vector<plan_of_workflow> all;
  for (int i = 0; i < 120; ++i) {
    plan_of_workflow x;
    x.name = i % 2 == 0 ? "even" : "odd";
    x.user = i % 3 == 0 ? "ada" : "bob";
    x.pool = i % 5 == 0 ? "gpu" : "cpu";
    if (i % 4 != 3)
      x.labels = {{"team", i % 4 == 0 ? "a" : "b"}, {"n", std::to_string(i)}};
    x.ended = i % 7 == 0 ? status::pending : i % 7 == 1 ? status::failed : status::completed;
    auto s = sample(1, 0, x.name);
    s.user = x.user;
    s.pool = x.pool;
    s.labels = x.labels;
    const auto key = must(w.submit(s)).key;
    if (x.ended != status::pending)
      must(w.append(workflow_event(key, event_type::workflow_status, x.ended)));
    all.push_back(std::move(x));
  }
  must(w.commit());
  return all;
}

bool passes(const plan_of_workflow& x, const workflow_query& query) {
  if (!query.name.empty() && x.name != query.name)
    return false;
  if (query.user && x.user != *query.user)
    return false;
  if (!query.pool.empty() && x.pool != query.pool)
    return false;
  if (query.unfinished && x.ended != status::pending)
    return false;
  if (!query.statuses.empty() &&
      std::find(query.statuses.begin(), query.statuses.end(), x.ended) == query.statuses.end())
    return false;
  for (const auto& label : query.labels) {
    const auto found = x.labels.find(label.name);
    if (found == x.labels.end() || (label.value && found->second != *label.value))
      return false;
  }
  return true;
}

/// Keys of all pages, in the order of the list.
std::vector<std::int64_t> all_pages(reader& r, workflow_query query, std::size_t page) {
  std::vector<std::int64_t> out;
  query.limit = page;
  for (;;) {
    const auto got = must(r.workflows(query));
    for (const auto& x : got)
      out.push_back(x.key.value);
    if (got.size() < page)
      return out;
    query.before = got.back().key;
  }
}

} // namespace

TEST_CASE("every combination of filters gives the same as looking at each workflow") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto all = make_many(w);
  auto r = must(reader::open(state.directory()));
  const std::vector<std::string> names{"", "even", "nobody"};
  const std::vector<std::optional<std::string>> users{{}, "ada", ""};
  const std::vector<std::string> pools{"", "gpu"};
  const std::vector<std::vector<status>> statuses{
      {}, {status::completed}, {status::pending}, {status::failed, status::pending, status::failed}};
  const std::vector<std::vector<label_filter>> labels{
      {}, {{"team", "a"}}, {{"team", {}}}, {{"n", {}}, {"team", "b"}}, {{"missing", {}}}};
  int checked = 0;
  for (const auto& name : names)
    for (const auto& user : users)
      for (const auto& pool : pools)
        for (const auto& status : statuses)
          for (const auto& label : labels)
            for (const bool unfinished : {false, true}) {
              workflow_query query;
              query.name = name;
              query.user = user;
              query.pool = pool;
              query.statuses = status;
              query.labels = label;
              query.unfinished = unfinished;
              std::vector<std::int64_t> expected;
              for (std::size_t i = all.size(); i > 0; --i)
                if (passes(all[i - 1], query))
                  expected.push_back(static_cast<std::int64_t>(i));
              if (all_pages(r, query, 7) != expected)
                FAIL("name=" << name << " user=" << user.value_or("any") << " pool=" << pool << " statuses="
                             << status.size() << " labels=" << label.size() << " unfinished=" << unfinished);
              ++checked;
            }
  CHECK(checked == 720);
}

TEST_CASE("a list takes a bounded number of labels") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  auto r = must(reader::open(state.directory()));
  workflow_query query;
  query.labels.resize(max_label_filters);
  CHECK(must(r.workflows(query)).empty());
  query.labels.resize(max_label_filters + 1);
  CHECK(code_of(r.workflows(query)) == ec::limit_exceeded);
}

TEST_CASE("a workflow has the user who submitted it") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  auto x = sample(1);
  x.user = "ada";
  must(w.submit(x));
  must(w.commit());
  auto r = must(reader::open(state.directory()));
  CHECK(must(r.workflow("flow-1")).user == "ada");
}
