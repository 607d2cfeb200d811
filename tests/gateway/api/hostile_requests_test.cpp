#include "api_fixture.hpp"

#include "gateway/http/target.hpp"
#include "support/api_contract.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <regex>
#include <vector>

// Requests of all routes with values that nobody meant. MUSTER_TEST_SEED repeats one.

using namespace muster;
using namespace muster::test;

namespace {

std::string percent_encoded(const std::string& x) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : x) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_')
      out += c;
    else
      ((out += '%') += hex[byte >> 4U]) += hex[byte & 15U];
  }
  return out;
}

/// Makes requests up.
class inventor {
public:
  explicit inventor(std::uint64_t seed) : random_(seed) {}

  template <class T>
  const T& one_of(const std::vector<T>& x) {
    return x[random_() % x.size()];
  }

  bool chance(unsigned percent) { return random_() % 100 < percent; }

  std::string value() {
    static const std::vector<std::string> all{"",
                                              "..",
                                              "../../etc/passwd",
                                              "/etc/passwd",
                                              "a/b",
                                              ".",
                                              "~",
                                              "nothing-1",
                                              "some-1",
                                              "some-2",
                                              "last",
                                              "t0",
                                              "t0-group",
                                              "local",
                                              "0",
                                              "-1",
                                              "1",
                                              "99999",
                                              "18446744073709551615",
                                              "18446744073709551616",
                                              "1e309",
                                              "0x10",
                                              "true",
                                              "TRUE",
                                              "no",
                                              "null",
                                              "NaN",
                                              "'",
                                              "' OR 1=1 --",
                                              "\"; DROP TABLE workflow; --",
                                              std::string(1, '\0'),
                                              std::string("t0\0x", 4),
                                              "\xff\xfe",
                                              "\xc3\xa4",
                                              "\xf0\x9d\x95\x8f",
                                              "\r\nX-Injected: 1",
                                              "a=b",
                                              "a=b,c=d",
                                              "COMPLETED",
                                              "FAILED,RUNNING",
                                              "task.status",
                                              "workflow.status,nothing",
                                              "2026-01-01T00:00:00Z",
                                              "1s",
                                              "5m",
                                              "-5",
                                              "[]",
                                              "{}",
                                              "{{uuid}}",
                                              "${HOME}",
                                              "%s%n",
                                              "stdout",
                                              "tar",
                                              "bytes=0-",
                                              "*",
                                              std::string(5000, 'x')};
    return one_of(all);
  }

  std::string target(const std::string& pattern) {
    static const std::vector<std::string> names{
        "limit", "cursor", "status",  "pool",   "label",   "name",    "user",   "order", "tail",     "offset",
        "wait",  "follow", "stream",  "type",   "types",   "attempt", "after",  "path",  "format",   "failed",
        "step",  "force",  "dry_run", "action", "profile", "set",     "prefix", "range", "priority", "nothing"};
    std::string out;
    for (std::size_t at = 0; at < pattern.size();) {
      if (pattern[at] != '{') {
        out += pattern[at++];
        continue;
      }
      out += chance(40) ? "some-1" : percent_encoded(value());
      at = pattern.find('}', at) + 1;
    }
    for (auto left = random_() % 4; left > 0; --left)
      out += (out.find('?') == std::string::npos ? '?' : '&') + one_of(names) + '=' + percent_encoded(value());
    return out;
  }

  std::string body() {
    static const std::vector<std::string> names{"spec",     "options", "message", "force",   "from",  "url",
                                                "filter",   "name",    "user",    "role",    "node",  "expires_in",
                                                "deadline", "reason",  "set",     "set_env", "level", "components",
                                                "pool",     "labels",  "profile", "a",       "types", "parameters"};
    static const std::vector<std::string> raw{
        "",
        "{",
        "[]",
        "null",
        "7",
        "\"x\"",
        "{}",
        "workflow: {}",
        "a: &a [*a, *a]",
        "--x\r\n\r\n--x--",
        "\xff\xfe",
        "--x\r\nContent-Disposition: form-data; name=\"spec\"\r\n\r\nworkflow: 1\r\n--x--\r\n",
        "--x\r\nContent-Disposition: form-data; name=\"../../x\"\r\n\r\nx\r\n--x--\r\n",
        "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nworkflow: [*c,*c,*c,*c]\n",
        spec_of("made", 2)};
    if (chance(30))
      return chance(50) ? one_of(raw) : std::string(3000, '[');
    auto out = json::object();
    for (auto left = random_() % 4; left > 0; --left)
      out[one_of(names)] = member();
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
  }

private:
  json member() {
    switch (random_() % 7) {
      case 0: return nullptr;
      case 1: return true;
      case 2: return 1e300;
      case 3: return -1;
      case 4: return json::array({value(), 7, nullptr});
      case 5: return json{{value(), value()}, {"types", json::array({value()})}};
      default: return value();
    }
  }

  std::mt19937_64 random_;
};

} // namespace

TEST_CASE("whatever is asked, the answer is one of those that are described, and never that something broke") {
  const auto* chosen = std::getenv("MUSTER_TEST_SEED");
  const auto first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const auto last = chosen != nullptr ? first : 20;
  const api_fixture api;
  api.run(spec_of("some", 3));
  auto routes = api.routes().routes();
  std::size_t refused = 0;
  std::size_t answered = 0;
  for (auto seed = first; seed <= last; ++seed) {
    inventor make{seed};
    for (int i = 0; i < 200; ++i) {
      const auto route = openapi_path(make.one_of(routes));
      const auto method = route.substr(0, route.find(' '));
      const auto target = make.target(route.substr(method.size() + 1));
      const auto body = method == "GET" ? std::string{} : make.body();
      const std::vector<std::string> types{"application/json", "application/yaml", "multipart/form-data; boundary=x",
                                           "text/plain", "application/json; charset=utf-16"};
      std::vector<std::pair<std::string, std::string>> headers{{"Content-Type", make.one_of(types)}};
      if (make.chance(10))
        headers.emplace_back("If-Match", make.value());
      if (make.chance(10))
        headers.emplace_back("Idempotency-Key", make.value());
      if (make.chance(10))
        headers.emplace_back("Range", make.value());
      if (make.chance(10))
        headers.emplace_back("Accept", make.one_of(std::vector<std::string>{"text/event-stream", "*/*", "x", ""}));
      INFO("MUSTER_TEST_SEED=" << seed << ", request " << i << ": " << method << ' ' << target << '\n' << body);
      if (!http::parse_target(target)) {
        ++refused; // No handler is asked.
        continue;
      }
      const auto got = api.ask(method, target, body, headers);
      ++answered;
      INFO(got.text.substr(0, 500));
      CHECK(got.status != 500);
      CHECK(got.status >= 200);
      if (got.status >= 400)
        CHECK(got.header("Content-Type") == "application/problem+json");
      CHECK(got.text.find("root:x:0:0") == std::string::npos);
      for (const auto& [name, text] : got.headers)
        CHECK(text.find_first_of("\r\n") == std::string::npos);
    }
  }
  CHECK(answered > 4 * refused);
  CHECK(api.wait(api.submit(spec_of("after"))) == status::completed);
}
