#include "actors/leftovers.hpp"

#include "unit/store/fixture.hpp"

using namespace muster;
using namespace muster::store;

namespace {

void put(writer& to, workflow_key of, std::uint32_t task, status s, const char* node = "", std::uint32_t attempt = 0) {
  auto x = task_event(of, task, task, s, attempt);
  x.node = node;
  must(to.append(x));
}

} // namespace

TEST_CASE("what an agent has is over once its attempt ended, or is recorded to have no place") {
  const temporary_state state;
  auto w = must(writer::open(state.directory()));
  const auto key = must(w.submit(sample(5))).key;
  put(w, key, 0, status::processing);
  put(w, key, 0, status::initializing, "n1");
  put(w, key, 1, status::processing);
  put(w, key, 1, status::initializing, "n1");
  put(w, key, 1, status::initializing); // Its gang gave its places up.
  put(w, key, 2, status::processing);
  put(w, key, 2, status::initializing, "n1");
  put(w, key, 2, status::running, "n1");
  put(w, key, 2, status::rescheduled, "n1");
  put(w, key, 2, status::processing, "", 1);
  put(w, key, 3, status::processing);
  put(w, key, 3, status::completed);
  must(w.commit());

  const auto here = judge_by_store(state.directory()).attempt;
  const auto agents = judge_for_agents(state.directory());
  const auto both = [&](std::uint32_t task, std::uint32_t attempt) {
    const attempt_id id{key, task_index{task}, attempt};
    return std::make_pair(here(id), agents(id));
  };
  CHECK(both(0, 0) == std::make_pair(false, false));
  CHECK(both(1, 0) == std::make_pair(false, true)); // What is near may be prepared anew before that is recorded.
  CHECK(both(2, 0) == std::make_pair(true, true));
  CHECK(both(2, 1) == std::make_pair(false, false));
  CHECK(both(2, 2) == std::make_pair(false, false)); // Nobody knows of it yet.
  CHECK(both(3, 0) == std::make_pair(true, true));
  CHECK(agents({{key.value + 1}, task_index{0}, 0})); // Of no workflow.
}
