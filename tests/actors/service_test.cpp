#include "actor_fixture.hpp"

#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <thread>

using namespace muster;
using namespace muster::test;

namespace {

struct service {
  temporary_folder state;
  std::unique_ptr<runtime> engine;

  service() {
    runtime_config x;
    x.state_directory = state.path();
    x.pools.push_back({"local", make_null_driver({})});
    auto started = runtime::start(std::move(x));
    REQUIRE(started);
    engine = std::move(*started);
  }

  store::reader reader() const {
    auto opened = store::reader::open(store::state_directory{state.path()});
    REQUIRE(opened);
    return std::move(*opened);
  }
};

store::token_created token(const std::string& id) {
  store::token_record x;
  x.id = id;
  x.user = "ada";
  x.role = store::role::user;
  x.hash = "hash of " + id;
  return {x};
}

submission_info keyed(const std::string& digest) {
  submission_info x{"text", "muster", "{}"};
  x.user = "ada";
  x.once = store::idempotency_key{"ada", "k", digest, ""};
  return x;
}

} // namespace

TEST_CASE("what the service keeps is durable when it is answered") {
  const service s;
  const auto made = s.engine->record(token("t1"));
  REQUIRE(made);
  CHECK(*made == 1);
  CHECK(s.reader().token("t1")->user == "ada");
  const auto twice = s.engine->record(token("t1"));
  REQUIRE_FALSE(twice);
  CHECK(twice.failure().code == ec::conflict);
  // A refusal ends nothing.
  s.engine->note(store::tokens_used{{{"t1", timestamp{duration{7}}}}});
  CHECK(s.engine->record(token("t2")));
  CHECK(s.reader().token("t1")->last_used == timestamp{duration{7}});
  CHECK_FALSE(s.engine->failure());
}

TEST_CASE("a submission that is sent twice at once runs once") {
  const service s;
  const auto w = make_workflow({make_task("a")});
  std::vector<result<accepted_workflow>> answers(4, error{ec::internal, "not asked"});
  std::vector<std::thread> clients;
  for (auto& answer : answers)
    clients.emplace_back([&s, &w, &answer] { answer = s.engine->submit(w, keyed("d1")); });
  for (auto& x : clients)
    x.join();
  int fresh = 0;
  for (const auto& x : answers) {
    REQUIRE(x);
    CHECK(x->id == "wf-1");
    fresh += x->is_replay ? 0 : 1;
  }
  CHECK(fresh == 1);
  const auto other = s.engine->submit(w, keyed("d2"));
  REQUIRE_FALSE(other);
  CHECK(other.failure().code == ec::idempotency_mismatch);
  CHECK(s.engine->wait(answers[0]->key) == status::completed);
  CHECK(s.reader().workflows({})->size() == 1);
  CHECK(s.reader().workflow("wf-1")->user == "ada");
}
