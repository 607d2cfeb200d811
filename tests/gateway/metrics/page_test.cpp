#include "support/catch.hpp"

#include "gateway/metrics/page.hpp"
#include "gateway/metrics/process_figures.hpp"
#include "gateway/metrics/request_meter.hpp"

#include <chrono>
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

TEST_CASE("a process says how it stands") {
  metrics_page page;
  write_process_figures(page);
  const auto text = page.text();
  for (const auto* name : {"process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ",
                           "process_threads ", "process_start_time_seconds ", "process_max_fds "})
    CHECK_THAT(text, ContainsSubstring(std::string{"\n"} + name));
  CHECK(text.find("process_resident_memory_bytes 0\n") == std::string::npos);
}
