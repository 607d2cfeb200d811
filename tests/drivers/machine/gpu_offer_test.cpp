#include "executors/machine/gpu_offer.hpp"
#include "support/catch.hpp"

using namespace muster;
using namespace muster::machine;

namespace {

using indices = std::vector<std::uint32_t>;
using groups = std::vector<indices>;

gpu_facts gpu(std::uint32_t index, std::string uuid) {
  gpu_facts out;
  out.index = index;
  out.uuid = std::move(uuid);
  return out;
}

nvml_answer answer(const std::vector<std::string>& uuids) {
  nvml_answer out;
  out.has_library = true;
  for (const auto& x : uuids)
    out.gpus.push_back(gpu(static_cast<std::uint32_t>(out.gpus.size()), x));
  return out;
}

} // namespace

TEST_CASE("a GPU keeps its number when one before it drops out") {
  gpu_numbers known;
  auto first = answer({"a", "b", "c", "d"});
  keep_numbers(first, known);
  CHECK(known == gpu_numbers{{"a", 0}, {"b", 1}, {"c", 2}, {"d", 3}});

  auto later = answer({"a", "c", "d"});
  later.links = {{1, 2}};
  keep_numbers(later, known);
  CHECK(later.gpus[1].uuid == "c");
  CHECK(later.gpus[1].index == 2);
  CHECK(later.gpus[2].index == 3);
  CHECK(later.links == groups{{2, 3}});

  auto back = answer({"a", "new", "b", "c", "d"});
  keep_numbers(back, known);
  CHECK(back.gpus.size() == 5);
  CHECK(back.gpus[1].uuid == "b");
  CHECK(back.gpus[4].uuid == "new");
  CHECK(back.gpus[4].index == 4);
}

TEST_CASE("what was found is offered") {
  auto found = answer({"a", "b"});
  found.links = {{0, 1}};
  const auto x = choose_gpus_to_offer(found, std::nullopt);
  CHECK(x.indices == indices{0, 1});
  CHECK(x.facts.size() == 2);
  CHECK(x.links == groups{{0, 1}});
  CHECK(x.warnings.empty());
}

TEST_CASE("what is declared wins, and a difference is said") {
  auto found = answer({"a", "b", "c", "d"});
  found.links = {{0, 1}, {2, 3}};
  const auto fewer = choose_gpus_to_offer(found, indices{0, 2, 3});
  CHECK(fewer.indices == indices{0, 2, 3});
  CHECK(fewer.facts.size() == 3);
  CHECK(fewer.links == groups{{2, 3}});
  REQUIRE(fewer.warnings.size() == 1);
  CHECK(fewer.warnings[0] == "NVML knows GPU 1, which is not declared and not offered");

  const auto others = choose_gpus_to_offer(found, indices{3, 7, 4, 5});
  CHECK(others.indices == indices{3});
  CHECK(others.facts.size() == 1);
  REQUIRE(others.warnings.size() == 1);
  CHECK(others.warnings[0] == "GPU 4-5,7 is declared, and NVML does not know it: it is not offered; NVML knows GPU "
                              "0-2, which is not declared and not offered");

  CHECK(choose_gpus_to_offer(found, indices{3, 2, 1, 0}).warnings.empty());
}

TEST_CASE("what is declared counts where NVML is not there or does not work") {
  const auto absent = choose_gpus_to_offer({}, indices{0, 1});
  CHECK(absent.indices == indices{0, 1});
  CHECK(absent.facts.empty());
  CHECK(absent.warnings.empty());

  nvml_answer broken;
  broken.has_library = true;
  broken.problem = "NVML cannot be used: Driver/library version mismatch";
  const auto x = choose_gpus_to_offer(broken, indices{0});
  CHECK(x.indices == indices{0});
  CHECK(x.warnings == std::vector<std::string>{broken.problem});
  const auto none = choose_gpus_to_offer(broken, std::nullopt);
  CHECK(none.indices.empty());
  CHECK(none.none_because == broken.problem);
}

TEST_CASE("a GPU of no use is not offered, also if it is declared") {
  nvml_answer found;
  found.has_library = true;
  found.gpus = {gpu(0, "a"), gpu(2, "c")};
  found.unusable = {{1, "GPU is lost"}};
  CHECK(choose_gpus_to_offer(found, std::nullopt).indices == indices{0, 2});
  const auto x = choose_gpus_to_offer(found, indices{0, 1, 2});
  CHECK(x.indices == indices{0, 2});
  CHECK(x.warnings == std::vector<std::string>{"GPU 1 is not offered: GPU is lost"});
}

TEST_CASE("nothing is declared on purpose") {
  const auto x = choose_gpus_to_offer(answer({"a"}), indices{});
  CHECK(x.indices.empty());
  CHECK(x.facts.empty());
  CHECK(x.none_because == "none is declared");
}
