#include "actor_fixture.hpp"

#include "actors/journal_backlog.hpp"
#include "actors/retention.hpp"
#include "actors/runtime.hpp"
#include "executors/null/null_driver.hpp"
#include "muster/store/reader.hpp"
#include "support/catch.hpp"
#include "support/skip_test.hpp"
#include "support/stepped_config.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <fstream>

#include <sys/mount.h>

using namespace muster;
using namespace muster::test;

namespace {

/// A store that has room or not, and what it was given.
struct disk {
  bool full = false;
  bool takes_deletions = false; ///< Also while it is full, where nothing else comes with them.
  std::size_t tries = 0;
  std::vector<store::service_change> changes;
  std::vector<event> events;
};

struct writer_double_state {
  static inline const char* name = "writer_double";
};

journal_writer_actor::behavior_type writer_double(journal_writer_actor::stateful_pointer<writer_double_state>,
                                                  std::shared_ptr<disk> to) {
  return {
      [to](commit_atom, const journal_batch_ptr& batch) {
        auto said = std::make_shared<journal_answers>();
        ++to->tries;
        const bool only_frees = std::all_of(batch->entries.begin(), batch->entries.end(),
                                            [](const journal_entry& x) { return frees_room(x); });
        if (to->full && !(to->takes_deletions && only_frees && !batch->entries.empty())) {
          said->full = error{ec::store_full, "no space left"};
          return journal_answers_ptr{std::move(said)};
        }
        for (const auto& x : batch->entries) {
          if (const auto* list = std::get_if<event_list>(&x)) {
            to->events.insert(to->events.end(), list->events.begin(), list->events.end());
            said->answers.emplace_back(sequence{to->events.size()});
          } else if (std::holds_alternative<submission_ptr>(x)) {
            said->answers.emplace_back(accepted{{1}, "wf-1"});
          } else {
            to->changes.push_back(*std::get<service_change_ptr>(x));
            said->answers.emplace_back(service_answer{});
          }
        }
        return journal_answers_ptr{std::move(said)};
      },
  };
}

/// A JOURNAL over a disk of this kind, in virtual time.
struct journal_over_disk {
  stepped_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  caf::scoped_actor self{system, true};
  std::shared_ptr<disk> store = std::make_shared<disk>();
  std::shared_ptr<store_health> health = std::make_shared<store_health>("/", 0);
  journal_writer_actor writer;
  journal_actor journal;

  journal_over_disk() {
    scheduler.clock().current_time += std::chrono::hours{1};
    writer = system.spawn(writer_double, store);
    journal = system.spawn(muster::journal, writer, health, failure_handler{[](const error& x) { FAIL(x.message); }});
    scheduler.run();
  }

  ~journal_over_disk() {
    caf::anon_send_exit(journal, caf::exit_reason::kill);
    caf::anon_send_exit(writer, caf::exit_reason::kill);
    journal = nullptr;
    writer = nullptr;
    scheduler.run();
    scheduler.trigger_timeouts();
    scheduler.run();
  }

  void pass(std::chrono::milliseconds x) {
    scheduler.advance_time(x);
    scheduler.run();
  }

  void record(std::uint32_t task, status s, const std::string& text = {}) {
    event_list list;
    list.events.push_back(fact(task, s, text));
    caf::anon_send(journal, record_atom::value, std::move(list));
    scheduler.run();
  }

  static event fact(std::uint32_t task, status s, const std::string& text) {
    event x;
    x.type = event_type::task_status;
    x.workflow = {1};
    x.task = {task};
    x.status = s;
    x.text = text;
    return x;
  }

  /// The code of the error with which a request is answered; none if it is accepted.
  template <class Answer, class... Args>
  ec code_of(const Args&... args) {
    auto request = self->request(journal, caf::infinite, args...);
    scheduler.run();
    pass(std::chrono::seconds{10});
    ec code = ec::internal;
    request.receive([&](const Answer&) { code = ec::none; },
                    [&](const caf::error& x) { code = static_cast<ec>(x.code()); });
    return code;
  }

  static service_change_ptr change(store::service_change x) {
    return service_change_ptr{std::make_shared<store::service_change>(std::move(x))};
  }

  ec cancel() {
    event x;
    x.type = event_type::workflow_cancel_requested;
    x.workflow = {1};
    event_list list;
    list.events.push_back(x);
    return code_of<sequence>(commit_atom::value, list);
  }
};

/// A file system of one megabyte or so, if this user may mount one.
class small_disk {
public:
  explicit small_disk(const char* size = "size=4m") {
    mounted_ = ::mount("none", folder_.path().c_str(), "tmpfs", 0, size) == 0;
    if (!mounted_)
      skip_test("this user may not mount a file system");
  }
  ~small_disk() {
    if (mounted_)
      ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] bool usable() const { return mounted_; }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path(); }

  /// Leaves no byte free.
  void fill() const {
    std::ofstream file(path() / "filler", std::ios::app);
    const std::string block(4096, 'x');
    while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void empty() const { std::filesystem::remove(path() / "filler"); }

private:
  temporary_folder folder_;
  bool mounted_ = false;
};

std::chrono::steady_clock::time_point deadline() {
  return std::chrono::steady_clock::now() + std::chrono::seconds{60};
}

std::unique_ptr<runtime> start(const std::filesystem::path& state, std::uint64_t min_free = 0) {
  runtime_config x;
  x.state_directory = state;
  null_config how;
  how.run = std::chrono::milliseconds{1};
  x.pools.push_back({"local", make_null_driver(how), {}, 4});
  x.min_free = min_free;
  auto started = runtime::start(std::move(x));
  if (!started)
    FAIL(started.failure().message);
  return std::move(*started);
}

} // namespace

TEST_CASE("while the store is full what runs is kept, what is new is refused, and it recovers by itself") {
  journal_over_disk x;
  x.record(1, status::processing);
  x.pass(journal_state::patience);
  REQUIRE(x.store->events.size() == 1);

  x.store->full = true;
  x.record(1, status::running);
  CHECK(x.cancel() == ec::store_full); // In the batch for which there was no room.
  CHECK(x.health->refusal()->code == ec::store_full);
  CHECK_THAT(x.health->refusal()->message, ContainsSubstring("no space left"));
  CHECK(x.code_of<accepted>(submit_atom::value, submission_ptr{}) == ec::store_full);
  CHECK(x.code_of<service_answer>(commit_atom::value, x.change(store::token_created{})) == ec::store_full);
  x.record(1, status::completed);
  x.record(2, status::running);
  const auto before = x.store->tries;
  x.pass(std::chrono::minutes{1});
  CHECK(x.store->tries > before);
  CHECK(x.store->events.size() == 1);

  x.store->full = false;
  x.pass(journal_state::longest_pause);
  REQUIRE(x.store->events.size() == 4);
  CHECK(x.store->events[1].status == status::running);
  CHECK(x.store->events[2].status == status::completed);
  CHECK(x.store->events[3].task == task_index{2});
  CHECK_FALSE(x.health->refusal());
  CHECK(x.cancel() == ec::none);
}

TEST_CASE("a full store is asked for what leaves room, and for nothing else with it") {
  journal_over_disk x;
  x.store->full = true;
  x.record(1, status::running);
  CHECK(x.cancel() == ec::store_full);
  REQUIRE(x.health->is_full());
  const auto removal = x.change(store::workflow_removed{{1}, "retention"});
  CHECK(x.code_of<service_answer>(commit_atom::value, removal) == ec::store_full); // Not even for that: said at once.
  x.store->takes_deletions = true;
  CHECK(x.code_of<service_answer>(commit_atom::value, removal) == ec::none);
  store::audit_begun row;
  row.row.action = "workflow.delete";
  CHECK(x.code_of<service_answer>(commit_atom::value, x.change(row)) == ec::none);
  row.row.action = "token.create";
  CHECK(x.code_of<service_answer>(commit_atom::value, x.change(row)) == ec::store_full);
  CHECK(x.store->changes.size() == 2);
  CHECK(x.health->is_full()); // There is room for that alone.
  CHECK(x.store->events.empty());
  // How it went is kept until there is room, though nobody waits for it.
  caf::anon_send(x.journal, record_atom::value, x.change(store::audit_ended{1, "ok", {}, {}}));
  x.pass(journal_state::longest_pause);
  CHECK(x.store->changes.size() == 2);
  x.store->full = false;
  x.pass(journal_state::longest_pause);
  CHECK(x.store->changes.size() == 3);
  CHECK(x.store->events.size() == 1);
  CHECK_FALSE(x.health->is_full());
}

TEST_CASE("a store that was full when there was nothing to keep accepts again") {
  journal_over_disk x;
  x.store->full = true;
  CHECK(x.cancel() == ec::store_full);
  x.store->full = false;
  x.pass(journal_state::longest_pause);
  CHECK(x.cancel() == ec::none);
}

TEST_CASE("what is gathered while the store is full does not grow with what tasks say of themselves") {
  journal_over_disk x;
  x.store->full = true;
  x.record(1, status::initializing, "first");
  for (std::size_t i = 0; i < 3 * journal_state::first_bound; ++i)
    x.record(1 + i % 3, status::initializing, "again");
  x.store->full = false;
  x.pass(journal_state::longest_pause);
  CHECK(x.store->events.size() <= journal_state::first_bound + 3);
}

TEST_CASE("only facts that later ones make void are left out") {
  using how = journal_over_disk;
  std::vector<journal_entry> entries;
  event_list first;
  first.events = {how::fact(1, status::scheduling, "a"), how::fact(2, status::scheduling, "a"),
                  how::fact(1, status::scheduling, "b"), how::fact(1, status::running, "")};
  event_list second;
  second.events = {how::fact(2, status::scheduling, "b"), how::fact(1, status::completed, ""),
                   how::fact(3, status::running, "")};
  entries.emplace_back(std::move(first));
  entries.emplace_back(std::move(second));
  CHECK(coalesce(entries) == 5);
  const auto& left = std::get<event_list>(entries[0]).events;
  REQUIRE(left.size() == 2);
  CHECK(left[0].text == "b");
  CHECK(left[1].status == status::running);
}

TEST_CASE("a runtime outlives a full disk") {
  const small_disk where;
  if (!where.usable())
    return;
  std::vector<spec::task> tasks;
  for (int i = 0; i < 400; ++i)
    tasks.push_back(make_task("t" + std::to_string(i)));
  auto r = start(where.path() / "state");
  const auto who = r->submit(make_workflow(tasks), {"text", "muster", "{}"});
  REQUIRE(who);
  where.fill();
  const auto until = deadline();
  while (std::chrono::steady_clock::now() < until) {
    const auto more = r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
    if (!more && more.failure().code == ec::store_full)
      break;
    REQUIRE((more || more.failure().code == ec::unavailable));
  }
  CHECK(r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"}).failure().code == ec::store_full);
  CHECK(r->cancel(who->key, "", false).failure().code == ec::store_full);
  CHECK_FALSE(r->failure());
  where.empty();
  CHECK(r->wait(who->key, deadline()) == status::completed);
  const auto after = r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
  REQUIRE(after);
  CHECK(r->wait(after->key, deadline()) == status::completed);
  auto reader = store::reader::open(store::state_directory{where.path() / "state"});
  REQUIRE(reader);
  const auto done = reader->tasks(who->key, task_index{0}, 1000);
  REQUIRE(done);
  CHECK(done->size() == 400);
  for (const auto& t : *done)
    REQUIRE(t.status == status::completed);
}

TEST_CASE("what was kept of a full disk is deleted, which makes room") {
  const small_disk where{"size=96m"};
  if (!where.usable())
    return;
  const auto state = where.path() / "state";
  auto r = start(state);
  std::vector<accepted_workflow> done;
  for (int i = 0; i < 6; ++i) {
    auto one = r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
    REQUIRE(one);
    REQUIRE(r->wait(one->key, deadline()) == status::completed);
    const auto output = store::state_directory{state}.output(one->id, "a", 0);
    std::filesystem::create_directories(output);
    std::ofstream{output / "large"} << std::string(std::size_t{1} << 20U, 'x');
    done.push_back(std::move(*one));
  }
  REQUIRE(std::filesystem::exists(state / "reserve"));
  where.fill();
  ec code = ec::none;
  for (int i = 0; i < 1000 && code != ec::store_full; ++i) {
    const auto refused = r->submit(make_workflow({make_task("a")}), {std::string(20'000, 'x'), "muster", "{}"});
    code = refused ? ec::none : refused.failure().code;
  }
  REQUIRE(code == ec::store_full);
  CHECK(r->record(store::token_created{}).failure().code == ec::store_full);
  REQUIRE(r->remove(done.front().id, "by hand")); // At the cost of what was held for this.
  retention_config config{store::state_directory{state}, {}};
  config.policy.workflow_count = 2;
  retention keeper{std::move(config), *r};
  const auto report = keeper.pass();
  if (!report)
    FAIL(report.failure().message);
  CHECK(report->workflows >= 3);
  auto reader = store::reader::open(store::state_directory{state});
  REQUIRE(reader);
  CHECK(reader->workflow(done[1].id).failure().code == ec::not_found);
  CHECK(reader->workflow(done.back().id));
  // With the room that this left it accepts again by itself.
  const auto until = deadline();
  auto after = r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
  while (!after && after.failure().code == ec::store_full && std::chrono::steady_clock::now() < until)
    after = r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
  REQUIRE(after);
  CHECK(r->wait(after->key, deadline()) == status::completed);
}

TEST_CASE("while the disk is full nothing more is started") {
  actor_fixture x;
  x.offered.total.cpu = 1;
  x.behaviour = [](const std::string&, std::uint32_t) {
    script s;
    s.runs_for = std::chrono::seconds{10};
    return s;
  };
  x.begin(make_workflow({make_task("a"), make_task("b")}));
  x.settle();
  CHECK(x.position("start a 0") >= 0);
  x.pause_pool("waiting for room");
  x.advance(std::chrono::seconds{60});
  CHECK(x.task_status("a") == status::completed);
  CHECK(x.position("start b 0") < 0);
  x.go_on_pool();
  CHECK(x.run_until_finished());
  CHECK(x.ended() == status::completed);
  CHECK(x.position("start b 0") >= 0);
}

TEST_CASE("nothing is admitted where too little is free") {
  const temporary_folder state;
  auto r = start(state.path(), std::uint64_t{1} << 62U);
  const auto refused = r->submit(make_workflow({make_task("a")}), {"text", "muster", "{}"});
  REQUIRE_FALSE(refused);
  CHECK(refused.failure().code == ec::store_full);
  CHECK_THAT(refused.failure().message, ContainsSubstring("MiB left"));
}
