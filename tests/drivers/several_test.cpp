#include "harness.hpp"

#include "executors/changing_offer.hpp"
#include "executors/null/null_driver.hpp"
#include "executors/several/several_drivers.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>

using namespace muster;
using namespace muster::test;

namespace {

/// A driver that notes what it is asked for, in the order of both.
class noting_driver final : public driver, public changing_offer {
public:
  noting_driver(capabilities offered, std::vector<std::string>& notes) : offered_(std::move(offered)), notes_(notes) {}

  result<capabilities> probe() override { return offered_; }
  void listen(driver_listener& /*to*/) override {}
  void prepare(attempt_spec spec) override { note("prepare", spec.id); }
  void start(attempt_id id) override { note("start", id); }
  void stop(attempt_id id, std::chrono::milliseconds /*grace*/) override { note("stop", id); }
  void publish(attempt_id id) override { note("publish", id); }
  void remove(attempt_id id) override { note("remove", id); }
  result<std::vector<adoption>> adopt(const std::vector<attempt_spec>& attempts) override {
    std::vector<adoption> out;
    for (const auto& x : attempts) {
      note("adopt", x.id);
      const auto found = knows.find(x.id.task.value);
      out.push_back(found == knows.end() ? adoption::never_started : found->second);
    }
    return out;
  }
  void clean(workflow_key workflow) override {
    notes_.push_back(offered_.driver + " clean " + std::to_string(workflow.value));
  }
  void clean_up(leftover_judge is_over) override {
    notes_.push_back(offered_.driver + (is_over.workflow({7}) ? " cleans up" : " leaves it"));
  }
  std::optional<capabilities> look_again() override { return std::exchange(newer_, std::nullopt); }

  std::optional<capabilities> newer_;
  std::map<std::uint32_t, adoption> knows; ///< By number of the task.

private:
  void note(const char* what, attempt_id id) {
    notes_.push_back(offered_.driver + ' ' + what + ' ' + std::to_string(id.task.value));
  }

  capabilities offered_;
  std::vector<std::string>& notes_;
};

capabilities offer(const std::string& name, std::int64_t cpus, std::vector<std::uint32_t> gpus) {
  capabilities x;
  x.driver = name;
  x.images = name == "docker";
  x.total = {cpus, std::int64_t{64} << 30U, std::int64_t{1} << 40U, std::move(gpus)};
  return x;
}

attempt_spec spec_of(std::uint32_t task, const std::string& driver) {
  attempt_spec x;
  x.id = {{1}, {task}, 0};
  x.resource.driver = driver;
  return x;
}

struct two {
  explicit two(capabilities first = offer("process", 8, {}), capabilities second = offer("docker", 6, {})) {
    auto a = std::make_shared<noting_driver>(std::move(first), notes);
    auto b = std::make_shared<noting_driver>(std::move(second), notes);
    process = a.get();
    docker = b.get();
    both = make_several_drivers({std::move(a), std::move(b)});
  }

  std::vector<std::string> notes;
  noting_driver* process = nullptr;
  noting_driver* docker = nullptr;
  std::unique_ptr<driver> both;
};

} // namespace

TEST_CASE("of several drivers each attempt is that of the one which it names, or of the first") {
  two x;
  REQUIRE(x.both->probe());
  x.both->prepare(spec_of(1, "docker"));
  x.both->prepare(spec_of(2, ""));
  x.both->prepare(spec_of(3, "process"));
  x.both->prepare(spec_of(4, "slurm"));
  for (const std::uint32_t task : {1U, 2U, 9U}) {
    const attempt_id id{{1}, {task}, 0};
    x.both->start(id);
    x.both->stop(id, {});
    x.both->publish(id);
    x.both->remove(id);
  }
  x.both->start({{1}, {1}, 0}); // It was removed: nobody knows it.
  CHECK(x.notes == std::vector<std::string>{"docker prepare 1", "process prepare 2", "process prepare 3",
                                            "docker start 1", "docker stop 1", "docker publish 1", "docker remove 1",
                                            "process start 2", "process stop 2", "process publish 2",
                                            "process remove 2", "process start 9", "process stop 9",
                                            "process publish 9", "process remove 9", "process start 1"});
}

TEST_CASE("several drivers are asked for their own attempts after a restart, and each cleans up") {
  two x;
  REQUIRE(x.both->probe());
  x.docker->knows = {{1, adoption::exited}, {2, adoption::running}, {3, adoption::running}};
  x.process->knows = {{2, adoption::exited}};
  const auto found = x.both->adopt({spec_of(1, "docker"), spec_of(2, "process"), spec_of(3, "docker")});
  REQUIRE(found);
  CHECK(*found == std::vector<adoption>{adoption::exited, adoption::exited, adoption::running});
  x.both->stop({{1}, {3}, 0}, {});
  CHECK(x.notes.back() == "docker stop 3");
  const auto unknown = x.both->adopt({spec_of(4, "slurm")});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.failure().message == "attempt 1.4.0 is run by slurm, and no such driver is here");
  x.notes.clear();
  x.both->clean({7});
  x.both->clean_up({[](workflow_key key) { return key.value == 7; }, [](attempt_id) { return false; }});
  CHECK(x.notes ==
        std::vector<std::string>{"process clean 7", "docker clean 7", "process cleans up", "docker cleans up"});
}

TEST_CASE("what names no driver is that of the one which knows it") {
  two x; // The agent had one driver when it started these, and now it has two.
  REQUIRE(x.both->probe());
  // A process driver finds the log of a container, and takes it for a process that nobody saw end.
  x.process->knows = {{1, adoption::lost}, {2, adoption::running}, {4, adoption::lost}};
  x.docker->knows = {{1, adoption::running}, {3, adoption::exited}};
  const auto found = x.both->adopt({spec_of(1, ""), spec_of(2, ""), spec_of(3, ""), spec_of(4, ""), spec_of(5, "")});
  REQUIRE(found);
  CHECK(*found == std::vector<adoption>{adoption::running, adoption::running, adoption::exited, adoption::lost,
                                        adoption::never_started});
  x.notes.clear();
  for (const std::uint32_t task : {1U, 2U, 3U, 4U})
    x.both->stop({{1}, {task}, 0}, {});
  CHECK(x.notes == std::vector<std::string>{"docker stop 1", "process stop 2", "docker stop 3", "process stop 4"});
}

TEST_CASE("several drivers offer what all of them have, and the GPUs of the first") {
  const auto probed = two{offer("process", 8, {0, 1}), offer("docker", 6, {0, 1, 2})}.both->probe();
  REQUIRE(probed);
  CHECK(probed->driver == "process");
  CHECK(probed->total.cpu == 6);
  CHECK(probed->total.gpus == std::vector<std::uint32_t>{0, 1});
  REQUIRE(probed->besides.size() == 1);
  CHECK(probed->besides[0].total.gpus == std::vector<std::uint32_t>{0, 1});
  CHECK(probed->machine.gpu_warnings.empty());

  auto none = offer("docker", 6, {});
  none.no_gpus_because = "this Docker daemon has no NVIDIA runtime";
  const auto without = two{offer("process", 8, {0, 1}), none}.both->probe();
  REQUIRE(without);
  CHECK(without->total.gpus.size() == 2);
  CHECK(without->besides[0].total.gpus.empty());
  CHECK(without->machine.gpu_warnings ==
        std::vector<std::string>{"tasks of docker get no GPUs: this Docker daemon has no NVIDIA runtime"});

  const auto twice = two{offer("docker", 8, {}), offer("docker", 8, {})}.both->probe();
  REQUIRE_FALSE(twice);
  CHECK(twice.failure().code == ec::invalid_argument);
}

TEST_CASE("a change that one of several drivers sees is one of all that they offer") {
  two x{offer("process", 8, {0, 1}), offer("docker", 8, {0, 1})};
  REQUIRE(x.both->probe());
  auto* const machine = dynamic_cast<changing_offer*>(x.both.get());
  REQUIRE(machine);
  CHECK_FALSE(machine->look_again());
  x.docker->newer_ = offer("docker", 8, {1});
  const auto now = machine->look_again();
  REQUIRE(now);
  CHECK(now->total.gpus == std::vector<std::uint32_t>{0, 1});
  CHECK(now->besides[0].total.gpus.empty());
  CHECK(now->machine.gpu_warnings ==
        std::vector<std::string>{"tasks of docker get no GPUs: it has others than process"});
  CHECK_FALSE(machine->look_again());
}
