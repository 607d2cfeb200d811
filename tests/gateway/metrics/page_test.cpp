#include "support/catch.hpp"
#include "support/checkout.hpp"

#include "actors/runtime.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/http/server.hpp"
#include "gateway/metrics/figures.hpp"
#include "gateway/metrics/page.hpp"
#include "gateway/metrics/request_meter.hpp"
#include "gateway/webhooks/dispatcher.hpp"

#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <string>

using namespace muster::gateway;
using namespace std::chrono_literals;

TEST_CASE("a page of metrics is what Prometheus reads") {
  metrics_page page;
  page.gauge("muster_tasks", "Tasks that have not ended.", 3, {{"status", "RUNNING"}});
  page.counter("muster_commits_total", "Commits.", 7);
  page.gauge("muster_tasks", "Tasks that have not ended.", 2, {{"status", "a \"quoted\"\nname"}});
  page.histogram("muster_commit_seconds", "Commits.", {{0.5, 1}, {4, 0, 1}, 6.5});
  CHECK(page.text() == "# HELP muster_tasks Tasks that have not ended.\n"
                       "# TYPE muster_tasks gauge\n"
                       "muster_tasks{status=\"RUNNING\"} 3\n"
                       "muster_tasks{status=\"a \\\"quoted\\\"\\nname\"} 2\n"
                       "# HELP muster_commits_total Commits.\n"
                       "# TYPE muster_commits_total counter\n"
                       "muster_commits_total 7\n"
                       "# HELP muster_commit_seconds Commits.\n"
                       "# TYPE muster_commit_seconds histogram\n"
                       "muster_commit_seconds_count 5\n"
                       "muster_commit_seconds_sum 6.5\n"
                       "muster_commit_seconds_bucket{le=\"0.5\"} 4\n"
                       "muster_commit_seconds_bucket{le=\"1\"} 4\n"
                       "muster_commit_seconds_bucket{le=\"+Inf\"} 5\n");
}

TEST_CASE("requests are counted by route, and whatever clients send makes no new series") {
  request_meter meter;
  meter.note("GET", "/v1/workflows/{id}", 200, 2ms, false);
  meter.note("GET", "/v1/workflows/{id}", 404, 20s, false);
  for (int i = 0; i < 100; ++i)
    meter.note("METHOD" + std::to_string(i), "", 404, 1ms, false);
  meter.note("GET", "/v1/events", 200, 1h, true);
  metrics_page page;
  meter.write(page);
  const auto text = page.text();
  CHECK_THAT(text, ContainsSubstring(
                       "muster_http_requests_total{method=\"GET\",route=\"/v1/workflows/{id}\",status=\"404\"} 1\n"));
  CHECK_THAT(text,
             ContainsSubstring("muster_http_requests_total{method=\"other\",route=\"none\",status=\"404\"} 100\n"));
  CHECK_THAT(text,
             ContainsSubstring(
                 "muster_http_request_seconds_bucket{method=\"GET\",route=\"/v1/workflows/{id}\",le=\"0.0025\"} 1\n"));
  CHECK_THAT(text,
             ContainsSubstring(
                 "muster_http_request_seconds_bucket{method=\"GET\",route=\"/v1/workflows/{id}\",le=\"+Inf\"} 2\n"));
  CHECK_THAT(text, ContainsSubstring("muster_http_request_seconds_count{method=\"GET\",route=\"/v1/events\"} 0\n"));
  CHECK(text.find("METHOD") == std::string::npos);
}

TEST_CASE("a runtime says how it stands, whatever it has run") {
  muster::measures x;
  x.tasks[muster::status::running] = 3;
  x.task_transitions[muster::status::completed] = 7;
  x.drivers.resize(1);
  x.mailboxes.resize(1);
  x.drivers[0].pools = "docker,local";
  x.drivers[0].starts.bounds = {1};
  x.drivers[0].starts.counts = {2, 1};
  x.process.resident_bytes = 4096;
  metrics_page page;
  write_runtime_figures(page, x);
  const auto text = page.text();
  for (const auto* line :
       {"muster_tasks{status=\"RUNNING\"} 3\n", "muster_tasks{status=\"PENDING\"} 0\n",
        "muster_task_transitions_total{status=\"COMPLETED\"} 7\n", "process_resident_memory_bytes 4096\n",
        "muster_executor_call_seconds_count{pools=\"docker,local\",call=\"start\"} 3\n", "muster_store_full 0\n"})
    CHECK_THAT(text, ContainsSubstring(line));
  CHECK(text.find("muster_tasks{status=\"COMPLETED\"}") == std::string::npos);
}

namespace {

/// All that a head can say.
std::string whole_page() {
  metrics_page page;
  muster::measures x;
  x.drivers.resize(1);
  x.mailboxes.resize(1);
  write_runtime_figures(page, x);
  write_feed_figures(page, {});
  write_webhook_figures(page, {});
  write_server_figures(page, {});
  request_meter meter;
  meter.note("GET", "/", 200, 1ms, false);
  meter.write(page);
  page.gauge("muster_build_info", "", 1, {{"version", "1"}});
  return page.text();
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("every metric is described, with its labels, and nothing else is") {
  const auto text = whole_page();
  std::map<std::string, std::string> there; // Name, and what its row begins with.
  const std::regex type("# TYPE ([a-z_]+) ([a-z]+)\n([a-z_]+)(\\{([^}]*)\\})?");
  const std::regex label("([a-z]+)=\"");
  for (std::sregex_iterator at(text.begin(), text.end(), type), end; at != end; ++at) {
    std::string labels;
    const auto all = at->str(5);
    for (std::sregex_iterator one(all.begin(), all.end(), label), last; one != last; ++one)
      labels += (labels.empty() ? "`" : ", `") + one->str(1) + "`";
    there[at->str(1)] = "| `" + at->str(1) + "` | " + at->str(2) + " | " + labels + (labels.empty() ? "| " : " | ");
  }
  CHECK(there.size() > 40);
  const auto page = read(muster::test::in_source("docs/metrics.md"));
  for (const auto& [name, row] : there) {
    INFO(row);
    CHECK(page.find('\n' + row) != std::string::npos);
  }
  const std::regex described("\n\\| `([a-z_]+)` ");
  for (std::sregex_iterator at(page.begin(), page.end(), described), end; at != end; ++at) {
    INFO(at->str(1));
    CHECK(there.count(at->str(1)) == 1);
  }
}

TEST_CASE("the dashboard asks only for what there is") {
  const auto known = whole_page();
  const auto text = read(muster::test::in_source("config/grafana/muster.json"));
  REQUIRE(text.size() > 1000);
  const std::regex name("\\b(muster|process)_[a-z_]+");
  std::size_t found = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    auto wanted = at->str();
    for (const std::string suffix : {"_bucket", "_sum", "_count"})
      if (wanted.size() > suffix.size() && wanted.compare(wanted.size() - suffix.size(), suffix.size(), suffix) == 0)
        wanted.resize(wanted.size() - suffix.size());
    INFO(wanted);
    CHECK(known.find("# TYPE " + wanted + " ") != std::string::npos);
    ++found;
  }
  CHECK(found > 15);
}
