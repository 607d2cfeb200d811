#include "executors/machine/gpu_claim.hpp"
#include "support/catch.hpp"
#include "support/processes.hpp"
#include "support/subprocess.hpp"
#include "support/temporary_folder.hpp"

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

using namespace muster;
using namespace muster::machine;
using namespace muster::test;

namespace {

using indices = std::vector<std::uint32_t>;

/// `GPU-0` and so on, all connected.
gpu_offer offer_of(std::uint32_t count) {
  gpu_offer out;
  for (std::uint32_t i = 0; i < count; ++i) {
    gpu_facts x;
    x.index = i;
    x.uuid = "GPU-" + std::to_string(i);
    out.facts.push_back(std::move(x));
    out.indices.push_back(i);
  }
  out.links = {out.indices};
  return out;
}

std::filesystem::path file_of(const temporary_folder& folder, const std::string& uuid) {
  return folder.path() / ("muster-gpu-" + uuid);
}

} // namespace

TEST_CASE("a GPU has one claim at a time, and who has it is said") {
  const temporary_folder folder;
  std::optional<gpu_claim> first{*gpu_claim::take(folder.path(), "GPU-a", {})};
  CHECK(gpu_claim::take(folder.path(), "GPU-b", {}));
  const auto second = gpu_claim::take(folder.path(), "GPU-a", {});
  REQUIRE_FALSE(second);
  CHECK(second.failure().code == ec::conflict);
  CHECK(second.failure().message == "process " + std::to_string(::getpid()) + " (drivers_test) offers it");
  auto moved = std::move(*first);
  first.reset();
  CHECK_FALSE(gpu_claim::take(folder.path(), "GPU-a", {}));
  { const auto ended = std::move(moved); }
  CHECK(gpu_claim::take(folder.path(), "GPU-a", {}));
}

TEST_CASE("a claim ends with the process that has it, however it ends") {
  const temporary_folder folder;
  CHECK(gpu_claim::take(folder.path(), "GPU-a", {})); // There is a file now.
  command what;
  what.argv = {"flock", "--no-fork", file_of(folder, "GPU-a"), "sleep", "1000"};
  subprocess other{what};
  std::string why;
  REQUIRE(eventually([&] {
    const auto taken = gpu_claim::take(folder.path(), "GPU-a", {});
    why = taken ? std::string{} : taken.failure().message;
    return !taken;
  }));
  CHECK_THAT(why, ContainsSubstring("process " + std::to_string(other.pid()) + " ("));
  other.signal(SIGKILL);
  static_cast<void>(other.finish());
  CHECK(gpu_claim::take(folder.path(), "GPU-a", {}));
}

TEST_CASE("a GPU that an agent had stays its own while the agent is away, as what it left may run") {
  const temporary_folder folder;
  const temporary_folder first;
  const temporary_folder second;
  CHECK(gpu_claim::take(folder.path(), "GPU-a", {first.path()}));
  const auto other = gpu_claim::take(folder.path(), "GPU-a", {second.path()});
  REQUIRE_FALSE(other);
  CHECK(other.failure().code == ec::conflict);
  CHECK_THAT(other.failure().message, ContainsSubstring("the agent of " + first.path().string() + " offered it"));
  CHECK(gpu_claim::take(folder.path(), "GPU-a", {first.path()}));
  SECTION("until somebody says who is to have it") {
    CHECK(gpu_claim::take(folder.path(), "GPU-a", {second.path(), true}));
    CHECK_FALSE(gpu_claim::take(folder.path(), "GPU-a", {first.path()}));
  }
  SECTION("until its state directory is gone") {
    std::filesystem::remove_all(first.path());
    CHECK(gpu_claim::take(folder.path(), "GPU-a", {second.path()}));
    std::filesystem::create_directory(first.path());
    CHECK_FALSE(gpu_claim::take(folder.path(), "GPU-a", {first.path()}));
  }
}

TEST_CASE("every user can see a claim") {
  const temporary_folder folder;
  const auto before = ::umask(0077);
  CHECK(gpu_claim::take(folder.path(), "GPU-a", {}));
  ::umask(before);
  struct stat facts {};
  REQUIRE(::stat(file_of(folder, "GPU-a").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0644U);
}

TEST_CASE("a file that cannot be what it should be is taken for a claim, and a folder that is not there for none") {
  const temporary_folder folder;
  std::filesystem::create_symlink("/dev/null", file_of(folder, "GPU-a"));
  const auto link = gpu_claim::take(folder.path(), "GPU-a", {});
  REQUIRE_FALSE(link);
  CHECK(link.failure().code == ec::conflict);
  CHECK_THAT(link.failure().message, ContainsSubstring(file_of(folder, "GPU-a").string()));
  const auto nowhere = gpu_claim::take(folder.path() / "missing", "GPU-a", {});
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.failure().code == ec::io_error);
  CHECK(gpu_claim::take(folder.path(), "../GPU-c", {}));
  CHECK(std::filesystem::exists(file_of(folder, "---GPU-c")));
}

TEST_CASE("what another has claimed is not offered until it gives it up") {
  const temporary_folder folder;
  std::optional<gpu_claim> other{*gpu_claim::take(folder.path(), "GPU-1", {})};
  gpu_claims claims{folder.path(), {}};
  auto offer = offer_of(3);
  claims.claim(offer);
  CHECK(offer.indices == indices{0, 2});
  CHECK(offer.facts.size() == 2);
  CHECK(offer.links == std::vector<indices>{{0, 2}});
  CHECK(offer.warnings == std::vector<std::string>{"GPU 1 is not offered: process " + std::to_string(::getpid()) +
                                                   " (drivers_test) offers it"});
  CHECK(offer.none_because.empty());

  gpu_claims late{folder.path(), {}};
  auto none = offer_of(3);
  late.claim(none);
  CHECK(none.indices.empty());
  CHECK(none.links.empty());
  REQUIRE(none.warnings.size() == 1);
  CHECK_THAT(none.none_because, ContainsSubstring("GPU 0-2 is not offered: process "));

  other.reset();
  offer = offer_of(1); // The others dropped out for now: they stay claimed.
  claims.claim(offer);
  none = offer_of(3);
  late.claim(none);
  CHECK(none.indices == indices{1});
  offer = offer_of(3);
  claims.claim(offer);
  CHECK(offer.indices == indices{0, 2});
}

TEST_CASE("what is only declared is not claimed, and where claims cannot be made that is a warning") {
  const temporary_folder folder;
  const auto declared = choose_gpus_to_offer({}, indices{0, 1});
  gpu_claims one{folder.path(), {}};
  gpu_claims two{folder.path(), {}};
  for (auto* claims : {&one, &two}) {
    auto offer = declared;
    claims->claim(offer);
    CHECK(offer.indices == indices{0, 1});
    CHECK(offer.warnings.empty());
  }
  gpu_claims nowhere{folder.path() / "missing", {}};
  auto offer = offer_of(2);
  nowhere.claim(offer);
  CHECK(offer.indices == indices{0, 1});
  REQUIRE(offer.warnings.size() == 1);
  CHECK_THAT(offer.warnings[0],
             ContainsSubstring("whether another agent of this machine offers GPU 0-1 cannot be told: no file can be "
                               "made in ") &&
                 ContainsSubstring("missing: No such file or directory"));
}
