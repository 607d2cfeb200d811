#include "drivers/process_bench.hpp"
#include "executors/changing_offer.hpp"
#include "executors/machine/discovery.hpp"
#include "made_up_machine.hpp"
#include "muster/base/log.hpp"
#include "support/catch.hpp"
#include "support/fake_gpus.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

using indices = std::vector<std::uint32_t>;

/// A machine with GPUs, and the state directory of who uses it.
struct gpu_machine {
  made_up_machine files;
  temporary_folder state;

  gpu_machine() { make_two_sockets(files); }

  [[nodiscard]] machine::sources sources(const std::string& version = "whole") const {
    return {files.root(), fake_nvml_library(version).string(), state.path()};
  }

  machine::discovery look(const std::string& answer, const std::optional<indices>& declared = {}) {
    const fake_nvml_answer nvml{state.path(), answer};
    machine::gpu_claims claims{state.path(), {}};
    return machine::discover(state.path(), declared, &claims, sources());
  }
};

/// What was warned of in the life of this.
class warnings_heard {
public:
  warnings_heard() { log::install(sink_); }
  ~warnings_heard() { log::install(nullptr); }
  warnings_heard(const warnings_heard&) = delete;
  warnings_heard& operator=(const warnings_heard&) = delete;
  [[nodiscard]] const std::vector<std::string>& all() const { return sink_->all; }

private:
  struct collector final : log::sink {
    void write(const log::record& x) noexcept override {
      if (x.level == log::level::warn)
        all.emplace_back(x.message);
    }
    std::vector<std::string> all;
  };
  std::shared_ptr<collector> sink_ = std::make_shared<collector>();
};

/// Three GPUs without the one at `missing`.
std::string three_without(std::size_t missing) {
  std::string out;
  for (std::size_t i = 0; i < 3; ++i)
    if (i != missing)
      out += "gpu GPU-" + std::to_string(i) + " 0000:0" + std::to_string(i + 1) + ":00.0 1024 NVIDIA L4\n";
  return out;
}

} // namespace

TEST_CASE("a machine is discovered as a whole") {
  gpu_machine m;
  const auto x = m.look(fake_gpus(3, 3));
  CHECK(x.gpus == indices{0, 1, 2});
  CHECK(x.has_gpus);
  REQUIRE(x.facts.gpus.size() == 3);
  CHECK(x.facts.gpus[0].numa_node == 0U);
  CHECK(x.facts.gpus[1].numa_node == 1U);
  CHECK_FALSE(x.facts.gpus[2].numa_node);
  CHECK(x.facts.gpu_links == std::vector<indices>{{0, 1, 2}});
  CHECK(x.facts.numa.size() == 2);
  CHECK(x.facts.labels.at("muster/gpu-model") == "NVIDIA-H200");
}

TEST_CASE("GPUs keep their numbers until the machine is started anew") {
  gpu_machine m;
  CHECK(m.look(three_without(9)).gpus == indices{0, 1, 2});
  const auto later = m.look(three_without(1));
  CHECK(later.gpus == indices{0, 2});
  CHECK(later.facts.gpus.at(1).uuid == "GPU-2");
  CHECK(m.look(three_without(9)).gpus == indices{0, 1, 2});

  m.files.with("proc/sys/kernel/random/boot_id", "second-boot");
  const auto anew = m.look(three_without(1));
  CHECK(anew.gpus == indices{0, 1});
  CHECK(anew.facts.gpus.at(1).uuid == "GPU-2");
}

TEST_CASE("numbers that cannot be read are given anew") {
  gpu_machine m;
  std::ofstream{m.state.path() / "gpu-numbers"} << "first-boot\n7 GPU-1\nnot a number at all\n";
  CHECK(m.look(three_without(9)).gpus == indices{0, 2, 7});
  std::ofstream{m.state.path() / "gpu-numbers"} << std::string(100, '\xff');
  CHECK(m.look(three_without(9)).gpus == indices{0, 1, 2});
}

TEST_CASE("a task is told the UUIDs of its GPUs, and one without sees none") {
  gpu_machine m;
  const fake_nvml_answer nvml{m.state.path(), fake_gpus(4)};
  process_config config;
  config.look_at = m.sources();
  process_bench b{std::move(config)};
  const auto show = "echo \"[$CUDA_VISIBLE_DEVICES][$NVIDIA_VISIBLE_DEVICES]\"";
  auto two = b.shell(show, 1);
  two.gpus = {1, 3};
  b.run(two);
  CHECK(b.log_of(two) == "[GPU-1,GPU-3][GPU-1,GPU-3]\n");
  auto unknown = b.shell(show, 2);
  unknown.gpus = {1, 5};
  b.run(unknown);
  CHECK(b.log_of(unknown) == "[1,5][1,5]\n");
  const auto none = b.shell(show, 3);
  b.run(none);
  CHECK(b.log_of(none) == "[][void]\n");
}

TEST_CASE("a machine that is looked at again says what is new, and warns of it once") {
  gpu_machine m;
  const fake_nvml_answer nvml{m.state.path(), fake_gpus(3, 3)};
  const warnings_heard heard;
  machine::machine_watch watch{m.state.path(), {}, m.sources()};
  capabilities offered;
  CHECK(machine::take_machine(watch.look(), offered));
  CHECK_FALSE(machine::take_machine(watch.look(), offered));
  nvml.change(fake_gpus(3, 3) + "fail nvmlDeviceGetHandleByIndex_v2 1 15\n");
  CHECK(machine::take_machine(watch.look(), offered));
  CHECK(offered.total.gpus == indices{0, 2});
  CHECK(offered.machine.gpu_links == std::vector<indices>{{0, 2}});
  CHECK_FALSE(machine::take_machine(watch.look(), offered));
  REQUIRE(heard.all().size() == 1);
  CHECK_THAT(heard.all().front(), ContainsSubstring("GPU 1 is not offered: GPU is lost"));
  nvml.change(fake_gpus(3)); // It is back, and NVLink is gone.
  CHECK(machine::take_machine(watch.look(), offered));
  CHECK(offered.total.gpus == indices{0, 1, 2});
  CHECK(offered.machine.gpu_links.empty());
  nvml.change(fake_gpus(3) + "fail nvmlInit_v2 - 18\n");
  CHECK(machine::take_machine(watch.look(), offered));
  CHECK(offered.total.gpus.empty());
  CHECK_THAT(offered.no_gpus_because, ContainsSubstring("Driver/library version mismatch"));
  CHECK(heard.all().size() == 2);
}

TEST_CASE("a task is told the UUID of a GPU that came while the driver ran") {
  gpu_machine m;
  const fake_nvml_answer nvml{m.state.path(), three_without(1)};
  process_config config;
  config.look_at = m.sources();
  process_bench b{std::move(config)};
  auto* looks = dynamic_cast<changing_offer*>(b.driver_.get());
  REQUIRE(looks != nullptr);
  CHECK_FALSE(looks->look_again());
  nvml.change(three_without(9));
  const auto now = looks->look_again();
  REQUIRE(now);
  CHECK(now->driver == "process");
  CHECK(now->starts_after);
  CHECK(now->total.cpu > 0);
  CHECK(now->total.gpus == indices{0, 1, 2});
  auto all = b.shell("echo \"[$CUDA_VISIBLE_DEVICES]\"", 1);
  all.gpus = {1, 2};
  b.run(all);
  CHECK(b.log_of(all) == "[GPU-2,GPU-1]\n");
  nvml.change(""); // What is held stays known by its name.
  const auto none = looks->look_again();
  REQUIRE(none);
  CHECK(none->total.gpus.empty());
  auto held = b.shell("echo \"[$CUDA_VISIBLE_DEVICES]\"", 2);
  held.gpus = {1};
  b.run(held);
  CHECK(b.log_of(held) == "[GPU-2]\n");
}

TEST_CASE("of two that look at a machine the first offers its GPUs, and the second when that one has gone") {
  gpu_machine m;
  const fake_nvml_answer nvml{m.state.path(), fake_gpus(2)};
  const warnings_heard heard;
  auto first = std::make_unique<machine::machine_watch>(m.state.path(), indices{0}, m.sources(), true);
  machine::machine_watch second{m.state.path(), {}, m.sources(), true};
  CHECK(first->look().gpus == indices{0});
  const auto beside = second.look();
  CHECK(beside.gpus == indices{1}); // What the first does not offer is not claimed.
  CHECK(beside.has_gpus);
  CHECK(beside.facts.gpus.size() == 1);
  CHECK(second.look().gpus == indices{1});
  CHECK(heard.all().size() == 2); // One by each: of GPU 1, that it is not declared, and of GPU 0.
  first.reset();
  CHECK(second.look().gpus == indices{0, 1});
  CHECK(second.look().warnings.empty());
}
