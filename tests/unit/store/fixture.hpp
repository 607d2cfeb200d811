#pragma once

#include "support/catch.hpp"

#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace muster::store {

/// A state directory that goes with its test.
class temporary_state {
public:
  temporary_state() {
    auto pattern = (std::filesystem::temp_directory_path() / "muster-store-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
  }
  ~temporary_state() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  temporary_state(const temporary_state&) = delete;
  temporary_state& operator=(const temporary_state&) = delete;

  [[nodiscard]] state_directory directory() const { return state_directory{root_ / "state"}; }
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

private:
  std::filesystem::path root_;
};

/// The value, or the test fails with the error's message.
template <class T>
T must(result<T> x) {
  if (!x)
    FAIL(to_string(x.failure().code) << ": " << x.failure().message);
  return std::move(*x);
}
inline void must(const result<void>& x) {
  if (!x)
    FAIL(to_string(x.failure().code) << ": " << x.failure().message);
}

/// The code of the failure; `none` if it went well.
template <class T>
ec code_of(const result<T>& x) {
  return x ? ec::none : x.failure().code;
}

constexpr timestamp at(std::int64_t micros) {
  return timestamp{duration{1'700'000'000'000'000 + micros}};
}

/// A workflow of `alone` groups of one, and then one group of `together` tasks that waits for all of them.
inline submission sample(std::uint32_t alone, std::uint32_t together = 0, std::string name = "flow") {
  submission x;
  x.time = at(0);
  x.name = std::move(name);
  x.labels = {{"team", "a"}};
  x.pool = "local";
  x.profile = "muster";
  x.options = "{}";
  x.spec_text = "workflow: {}";
  std::vector<group_index> all;
  for (std::uint32_t i = 0; i < alone; ++i) {
    all.push_back({i});
    x.groups.push_back({"one-group", true, true, {}, status::waiting});
    x.tasks.push_back({"one", {i}, true, "{\"cpu\":1}", "{\"command\":[\"true\"]}", status::waiting});
  }
  if (together != 0)
    x.groups.push_back({"gang", false, false, all, status::waiting});
  for (std::uint32_t i = 0; i < together; ++i)
    x.tasks.push_back({"member", {alone}, i == 0, "{\"cpu\":2}", "{}", status::waiting});
  return x;
}

inline event task_event(workflow_key w, std::uint32_t task, std::uint32_t group, status s, std::uint32_t attempt = 0) {
  event x;
  x.type = event_type::task_status;
  x.workflow = w;
  x.group = {group};
  x.task = {task};
  x.attempt = attempt;
  x.status = s;
  x.time = at(1);
  return x;
}

inline event group_event(workflow_key w, std::uint32_t group, status s) {
  event x;
  x.type = event_type::group_status;
  x.workflow = w;
  x.group = {group};
  x.status = s;
  x.time = at(1);
  return x;
}

inline event workflow_event(workflow_key w, event_type type, status s = status::unspecified, std::string text = {}) {
  event x;
  x.type = type;
  x.workflow = w;
  x.status = s;
  x.text = std::move(text);
  x.time = at(1);
  return x;
}

/// Every event of the log, read in pages; fails unless the numbers have no gap.
inline std::vector<named_event> whole_log(reader& from, std::size_t page = 100) {
  std::vector<named_event> out;
  event_query query;
  query.limit = page;
  for (;;) {
    auto got = must(from.events(query));
    for (auto& x : got.events) {
      REQUIRE(x.fact.seq.value == out.size() + 1);
      out.push_back(std::move(x));
    }
    if (got.at_end)
      return out;
    REQUIRE(query.after < got.next_after);
    query.after = got.next_after;
  }
}

} // namespace muster::store
