#include "actor_fixture.hpp"

#include "actors/event_hub.hpp"
#include "actors/journal.hpp"
#include "actors/journal_writer.hpp"
#include "actors/mailbox_meter.hpp"
#include "actors/submission.hpp"
#include "actors/system_config.hpp"
#include "actors/task.hpp"
#include "muster/flow/definition.hpp"
#include "muster/plan/plan_builder.hpp"
#include "muster/spec/codec.hpp"
#include "muster/store/reader.hpp"
#include "muster/store/writer.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <future>
#include <mutex>

using namespace muster;
using namespace muster::test;
using namespace std::chrono_literals;

namespace {

script gives(std::string result, std::int32_t code = 0) {
  script x;
  x.result = std::move(result);
  x.exit_code = code;
  return x;
}

/// The event that ended the task.
event end_of(const actor_fixture& f, const std::string& task) {
  const auto t = f.layout().find_task(task);
  for (const auto& x : f.events())
    if (x.type == event_type::task_status && x.task == *t && is_group_finished(x.status))
      return x;
  return {};
}

std::uint32_t first_attempt_of(const actor_fixture& f, const std::string& task) {
  const auto t = f.layout().find_task(task);
  for (const auto& x : f.events())
    if (x.type == event_type::task_status && x.task == *t && x.status == status::processing)
      return x.attempt;
  return 9999;
}

/// Actors on threads of their own.
struct real_system {
  system_config config{2};
  caf::actor_system actors{config};
};

struct executor_spy_state {
  static inline const char* name = "executor_spy";
};

/// Keeps the first specification that it is asked to prepare.
executor_actor::behavior_type executor_spy(executor_actor::stateful_pointer<executor_spy_state> self,
                                           std::shared_ptr<std::promise<attempt_spec_ptr>> asked) {
  return {
      depth_of_mailbox(self),
      [asked](prepare_atom, const attempt_spec_ptr& spec, const task_actor&) { asked->set_value(spec); },
      [](watch_atom, attempt_id, const task_actor&) {},
      [](start_atom, attempt_id) {},
      [](stop_atom, attempt_id, std::uint32_t) {},
      [](publish_atom, attempt_id) {},
      [](remove_atom, attempt_id) {},
      [](report_atom, const report_list&) {},
  };
}

plan_ptr plan_of(const spec::workflow& w) {
  auto made = make_plan(w);
  if (!made)
    FAIL(made.failure().message);
  return std::make_shared<const plan>(*std::move(made));
}

} // namespace

TEST_CASE("a task's result is recorded with its end and with nothing else") {
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t attempt) {
    return task == "retried" ? gives("\"of " + std::to_string(attempt) + '"', attempt < 1 ? 7 : 0)
                             : gives(task == "fails" ? "[1]" : "", task == "fails" ? 3 : 0);
  };
  auto t = make_task("retried");
  t.exit_actions.push_back({spec::exit_action::reschedule, {{7, 7}}, "7"});
  f.begin(make_workflow({t, make_task("fails"), make_task("silent")}));
  REQUIRE(f.run_until_finished());
  CHECK(end_of(f, "retried").result == "\"of 1\"");
  CHECK(end_of(f, "fails").status == status::failed);
  CHECK(end_of(f, "fails").result == "[1]");
  CHECK(end_of(f, "silent").result.empty());
  for (const auto& x : f.events())
    if (!is_group_finished(x.status))
      CHECK(x.result.empty());
}

TEST_CASE("the result of an attempt that was retried is not that of one that was lost") {
  actor_fixture f;
  f.behaviour = [](const std::string&, std::uint32_t attempt) {
    auto x = gives("1", 7);
    x.lost = attempt == 1;
    return x;
  };
  auto t = make_task("a");
  t.exit_actions.push_back({spec::exit_action::reschedule, {{7, 7}}, "7"});
  f.begin(make_workflow({t}));
  REQUIRE(f.run_until_finished());
  CHECK(end_of(f, "a").status == status::failed_backend_error);
  CHECK(end_of(f, "a").result.empty());
}

TEST_CASE("members of a gang have each their own result") {
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t) { return gives('"' + task + '"'); };
  auto w = make_workflow({});
  w.groups.push_back(make_group("gang", {make_task("lead"), make_task("two")}));
  w.groups.back().ignore_nonlead_status = false;
  f.begin(w);
  REQUIRE(f.run_until_finished());
  CHECK(end_of(f, "lead").result == "\"lead\"");
}

TEST_CASE("what is no result fails a task that says that all is well") {
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t) {
    script x;
    x.exit_code = task == "fails" ? 3 : 0;
    x.result_problem = "its result is no JSON";
    return x;
  };
  f.begin(make_workflow({make_task("bad"), make_task("fails")}));
  REQUIRE(f.run_until_finished());
  CHECK(end_of(f, "bad").status == status::failed);
  CHECK(end_of(f, "bad").exit_code == exit_code_bad_result);
  CHECK(end_of(f, "bad").text == "its result is no JSON");
  CHECK(f.position("publish bad 0") == -1);
  CHECK(end_of(f, "fails").exit_code == 3);
  CHECK(end_of(f, "fails").text == "exit code 3");
}

TEST_CASE("tasks that are run once more go on with the next number, and may be retried as often as before") {
  actor_fixture f;
  f.behaviour = [](const std::string& task, std::uint32_t) { return gives("", task == "again" ? 7 : 0); };
  f.policy.max_retries = 2;
  auto t = make_task("again");
  t.exit_actions.push_back({spec::exit_action::reschedule, {{7, 7}}, "7"});
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::waiting, status::waiting};
  restore->attempts_from = std::make_shared<first_attempts>(first_attempts{{0, 4}});
  f.take_up(make_workflow({t, make_task("fresh")}), restore);
  REQUIRE(f.run_until_finished());
  CHECK(first_attempt_of(f, "again") == 4);
  CHECK(first_attempt_of(f, "fresh") == 0);
  CHECK(end_of(f, "again").attempt == 6);
  CHECK(end_of(f, "again").status == status::failed);
}

TEST_CASE("after a crash, attempts from before a task was reopened do not count") {
  actor_fixture f;
  auto restore = std::make_shared<workflow_restore>();
  restore->groups = {status::processing};
  restore->attempts_from = std::make_shared<first_attempts>(first_attempts{{0, 2}, {1, 2}});
  // The intent of one member was recorded; of the other only its last attempt of the earlier run is known.
  group_restore members;
  members.members = {{2, status::processing, found::never_started}, {1, status::failed, found::nothing}};
  members.places.resize(2);
  restore->members[0] = members;
  auto w = make_workflow({});
  w.groups.push_back(make_group("gang", {make_task("lead"), make_task("two")}));
  f.take_up(w, restore);
  REQUIRE(f.run_until_finished());
  CHECK(f.ended() == status::completed);
  CHECK(f.position("start lead 2") >= 0);
  CHECK(f.position("start two 2") >= 0);
}

TEST_CASE("a flow's tokens, results and inputs reach the executor") {
  real_system system;
  auto t = make_task("train.3", {});
  t.inputs.push_back({spec::task_input{"split", {}}, {}});
  t.inputs.push_back({spec::task_input{"each", {}}, {}});
  t.inputs.push_back({spec::task_input{"other", "earlier-2"}, {}});
  spec::workflow w;
  w.name = "wf";
  auto builder = plan_builder{{"wf", {}, {}, {}}, group_index{7}, task_index{9}};
  const auto source = plan_of(make_workflow({make_task("x")}));
  auto body = t;
  body.name.clear();
  builder.add_group({"train.3", true, true, {}});
  builder.add_task({"train.3", {7}, true, source->row(task_index{0}).resource, spec::encode(body)});
  auto chunk = std::move(builder).finish();
  REQUIRE(chunk);
  workflow_context context{{1},
                           "wf-1",
                           std::make_shared<const plan>(*std::move(chunk)),
                           {},
                           store::state_directory{"/state"},
                           {},
                           {},
                           {},
                           [](const error&) {}};
  task_extras extras;
  extras.tokens = {{"item", "3"}};
  extras.environment = {{"LR", "0.1"}};
  extras.results.emplace_back("split", std::make_shared<const std::string>("[1]"));
  extras.inputs[0].task = "outer.split";
  extras.inputs[1].parts = {{"0", "each.0"}, {"1", "each.1"}};
  const auto asked = std::make_shared<std::promise<attempt_spec_ptr>>();
  auto answer = asked->get_future();
  const auto spy = system.actors.spawn(executor_spy, asked);
  const auto member =
      system.actors.spawn(task, context_ptr{std::make_shared<const workflow_context>(context)}, task_index{9},
                          group_actor{}, extras_ptr{std::make_shared<const std::vector<task_extras>>(1, extras)});
  placed_member place;
  place.executor = caf::actor_cast<caf::strong_actor_ptr>(spy);
  caf::anon_send(member, prepare_atom::value, std::uint32_t{0}, true, epoch{1}, place,
                 peer_map{std::make_shared<const std::map<std::string, std::string>>()});
  REQUIRE(answer.wait_for(60s) == std::future_status::ready);
  const auto spec = answer.get();
  CHECK(spec->id.task == task_index{9});
  CHECK(spec->tokens.at("item") == "3");
  CHECK(spec->environment.at(0).second == "0.1");
  CHECK(*spec->results.at(0).second == "[1]");
  REQUIRE(spec->inputs.size() == 3);
  CHECK(spec->inputs[0].task == "split");
  CHECK(spec->inputs[0].source == "/state/workflows/wf-1/tasks/outer.split.output");
  CHECK(spec->inputs[1].source.empty());
  REQUIRE(spec->inputs[1].parts.size() == 2);
  CHECK(spec->inputs[1].parts[1].first == "1");
  CHECK(spec->inputs[1].parts[1].second == "/state/workflows/wf-1/tasks/each.1.output");
  CHECK(spec->inputs[2].source == "/state/workflows/earlier-2/tasks/other.output");
  for (const auto& x : {caf::actor_cast<caf::actor>(spy), caf::actor_cast<caf::actor>(member)})
    caf::anon_send_exit(x, caf::exit_reason::kill);
}

TEST_CASE("what a workflow grows by is stored ahead of what is said of it") {
  const temporary_folder folder;
  const store::state_directory directory{folder.path() / "state"};
  {
    real_system system;
    auto opened = store::writer::open(directory);
    REQUIRE(opened);
    std::mutex mutex;
    std::vector<event> published;
    std::optional<error> failed;
    const auto hub = system.actors.spawn(event_hub);
    caf::anon_send(hub, subscr_atom::value,
                   event_subscriber{std::make_shared<const std::function<void(const std::vector<event>&)>>(
                       [&](const std::vector<event>& batch) {
                         const std::lock_guard lock{mutex};
                         published.insert(published.end(), batch.begin(), batch.end());
                       })});
    const failure_handler on_failure = [&](const error& x) {
      const std::lock_guard lock{mutex};
      failed = x;
    };
    const auto writer =
        system.actors.spawn<caf::detached>(journal_writer, std::make_shared<store::writer>(*std::move(opened)), hub,
                                           std::make_shared<meters>(), on_failure);
    const auto journal =
        system.actors.spawn(muster::journal, writer, std::make_shared<store_health>("/", 0), on_failure);
    caf::scoped_actor self{system.actors};

    spec::workflow base;
    base.name = "wf";
    base.flow = std::make_shared<const spec::scope>();
    auto made = make_submission(base, {"text", "muster", "{}"}, {"local"}, {});
    REQUIRE(made);
    accepted who;
    self->request(journal, 60s, submit_atom::value, *made)
        .receive([&](const accepted& x) { who = x; }, [](const caf::error&) { FAIL("refused"); });
    const auto grow = [&](std::uint32_t first) {
      const auto source = plan_of(make_workflow({make_task("step" + std::to_string(first))}));
      plan_builder builder{{"wf", {}, {}, {}}, group_index{first}, task_index{first}};
      builder.add_group(source->row(group_index{0}));
      auto row = source->row(task_index{0});
      row.group = {first};
      builder.add_task(row);
      auto chunk = std::move(builder).finish();
      REQUIRE(chunk);
      self->send(journal, grow_atom::value, make_growth(who.key, std::make_shared<const plan>(*std::move(chunk))));
    };
    const auto say = [&](std::uint32_t task, status s, std::string result) {
      event_list facts;
      facts.events.resize(1);
      auto& x = facts.events.back();
      x.type = event_type::task_status;
      x.workflow = who.key;
      x.group = {task};
      x.task = {task};
      x.status = s;
      x.result = std::move(result);
      bool answered = false;
      self->request(journal, 60s, commit_atom::value, std::move(facts))
          .receive([&](sequence) { answered = true; }, [](const caf::error&) {});
      return answered;
    };
    grow(0);
    CHECK(say(0, status::processing, ""));
    CHECK(say(0, status::completed, "{\"a\":1}"));
    grow(1);
    CHECK(say(1, status::processing, ""));
    {
      const std::lock_guard lock{mutex};
      CHECK_FALSE(failed);
    }
    grow(7);
    CHECK_FALSE(say(1, status::running, ""));
    for (const auto& x :
         {caf::actor_cast<caf::actor>(journal), caf::actor_cast<caf::actor>(writer), caf::actor_cast<caf::actor>(hub)})
      self->send_exit(x, caf::exit_reason::kill);
    self->wait_for(journal, writer, hub);
    const std::lock_guard lock{mutex};
    REQUIRE(failed);
    CHECK(failed->code == ec::conflict);
    CHECK(published.size() == 4);
    for (const auto& x : published)
      CHECK(x.result.empty());
  }
  auto reader = store::reader::open(directory);
  REQUIRE(reader);
  const auto record = reader->workflow("wf-1");
  REQUIRE(record);
  CHECK(record->groups == 2);
  CHECK(flow::decode_definition(*reader->flow(record->key), {})->flow->steps.empty());
  const auto tasks = reader->tasks(record->key, {}, 10);
  REQUIRE(tasks->size() == 2);
  CHECK((*tasks)[0].name == "step0");
  CHECK((*tasks)[0].status == status::completed);
  CHECK((*tasks)[1].status == status::processing);
  CHECK(*reader->task_result(record->key, {0}) == "{\"a\":1}");
}
