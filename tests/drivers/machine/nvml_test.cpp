#include "executors/machine/nvml.hpp"
#include "support/catch.hpp"
#include "support/fake_gpus.hpp"
#include "support/temporary_folder.hpp"

using namespace muster;
using namespace muster::machine;
using namespace muster::test;

namespace {

using groups = std::vector<std::vector<std::uint32_t>>;

nvml_answer ask(const std::string& text, const std::string& version = "whole") {
  const temporary_folder folder;
  const fake_nvml_answer answer{folder.path(), text};
  return ask_nvml(fake_nvml_library(version).string());
}

} // namespace

TEST_CASE("GPUs are found with what is known of them") {
  const auto x = ask(fake_gpus(8, 8));
  CHECK(x.has_library);
  CHECK(x.problem.empty());
  CHECK(x.unusable.empty());
  REQUIRE(x.gpus.size() == 8);
  CHECK(x.gpus[3].index == 3);
  CHECK(x.gpus[3].uuid == "GPU-3");
  CHECK(x.gpus[3].model == "NVIDIA H200");
  CHECK(x.gpus[3].memory == 150'754'820'096);
  CHECK(x.gpus[3].pci == "0000:04:00.0");
  CHECK(x.links == groups{{0, 1, 2, 3, 4, 5, 6, 7}});
}

TEST_CASE("GPUs that NVLink connects are neighbours, by switches and without") {
  CHECK(ask(fake_gpus(8, 4)).links == groups{{0, 1, 2, 3}, {4, 5, 6, 7}});
  CHECK(ask(fake_gpus(8)).links.empty());
  const auto bridge = fake_gpus(4) + "link 1 5 0000:04:00.0\nlink 3 2 0000:02:00.0\n";
  CHECK(ask(bridge).links == groups{{1, 3}});
}

TEST_CASE("a GPU that is lost is told apart, the others are of use") {
  const auto at_once = ask(fake_gpus(8, 4) + "fail nvmlDeviceGetHandleByIndex_v2 2 15\n");
  CHECK(at_once.problem.empty());
  CHECK(at_once.gpus.size() == 7);
  REQUIRE(at_once.unusable.size() == 1);
  CHECK(at_once.unusable[0].index == 2);
  CHECK_THAT(at_once.unusable[0].why, ContainsSubstring("GPU is lost") && ContainsSubstring("restarted"));
  CHECK(at_once.links == groups{{0, 1, 3}, {4, 5, 6, 7}});

  for (const auto* function : {"nvmlDeviceGetUUID", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo"}) {
    INFO(function);
    const auto halfway = ask(fake_gpus(2) + "fail " + function + " 1 15\n");
    CHECK(halfway.gpus.size() == 1);
    REQUIRE(halfway.unusable.size() == 1);
    CHECK(halfway.unusable[0].index == 1);
  }
}

TEST_CASE("what a GPU does not know of itself does not matter") {
  const auto x = ask(fake_gpus(1, 1) + "fail nvmlDeviceGetMemoryInfo 0 3\nfail nvmlDeviceGetPciInfo_v3 0 999\n"
                                       "fail nvmlDeviceGetMigMode 0 3\n");
  REQUIRE(x.gpus.size() == 1);
  CHECK(x.gpus[0].memory == 0);
  CHECK(x.gpus[0].pci.empty());
}

TEST_CASE("a GPU in MIG mode is not offered") {
  const auto x = ask(fake_gpus(2) + "mig 0\n");
  REQUIRE(x.unusable.size() == 1);
  CHECK_THAT(x.unusable[0].why, ContainsSubstring("MIG"));
  REQUIRE(x.gpus.size() == 1);
  CHECK(x.gpus[0].index == 1);
}

TEST_CASE("a driver that does not work is said, and there are no GPUs") {
  const auto mismatch = ask(fake_gpus(2) + "fail nvmlInit_v2 - 18\n");
  CHECK(mismatch.gpus.empty());
  CHECK_THAT(mismatch.problem, ContainsSubstring("Driver/library version mismatch") && ContainsSubstring("restart"));
  const auto unloaded = ask(fake_gpus(2) + "fail nvmlInit_v2 - 9\n");
  CHECK_THAT(unloaded.problem, ContainsSubstring("Driver Not Loaded"));
  const auto uncounted = ask(fake_gpus(2) + "fail nvmlDeviceGetCount_v2 - 999\n");
  CHECK(uncounted.gpus.empty());
  CHECK_THAT(uncounted.problem, ContainsSubstring("Unknown Error"));
}

TEST_CASE("without the library there is nothing to say") {
  const auto x = ask_nvml("libnvidia-ml-that-is-not-there.so.1");
  CHECK_FALSE(x.has_library);
  CHECK(x.problem.empty());
  CHECK(x.gpus.empty());
}

TEST_CASE("an older library tells what it can") {
  const auto old = ask(fake_gpus(2, 2), "old");
  CHECK(old.problem.empty());
  CHECK(old.gpus.size() == 2);
  CHECK(old.links.empty());
  const auto broken = ask(fake_gpus(2), "broken");
  CHECK(broken.gpus.empty());
  CHECK_THAT(broken.problem, ContainsSubstring("nvmlDeviceGetUUID"));
}
