#include "muster/state/retry.hpp"

#include "muster/plan/plan_builder.hpp"
#include "muster/spec/codec.hpp"
#include "support/catch.hpp"

using namespace muster;

namespace {

/// a -> b -> d, a -> c -> d, e.
plan diamond() {
  plan_builder b{{"wf", {}, "", {}}};
  const auto resource = spec::encode(spec::resource{});
  const auto body = spec::encode(spec::task{});
  const std::vector<std::pair<std::string, std::vector<group_index>>> groups{
      {"a", {}}, {"b", {{0}}}, {"c", {{0}}}, {"d", {{1}, {2}}}, {"e", {}}};
  for (const auto& [name, upstream] : groups) {
    const auto group_name = name + "-group";
    const auto g = b.add_group({group_name, true, true, upstream});
    b.add_task({name, g, true, resource, body});
  }
  auto made = std::move(b).finish();
  REQUIRE(made);
  return std::move(*made);
}

std::vector<std::uint32_t> numbers(const std::vector<group_index>& x) {
  std::vector<std::uint32_t> out;
  for (const auto g : x)
    out.push_back(g.value);
  return out;
}

constexpr auto good = status::completed;

} // namespace

TEST_CASE("what did not complete is run once more") {
  const auto p = diamond();
  CHECK(groups_to_retry(p, {good, good, good, good, good}, {}).empty());
  CHECK(numbers(groups_to_retry(p, {good, status::failed, good, status::failed_upstream, good}, {})) ==
        std::vector<std::uint32_t>{1, 3});
  CHECK(numbers(groups_to_retry(p, {status::failed_canceled, status::waiting, status::skipped, good, good}, {})) ==
        std::vector<std::uint32_t>{0, 1, 2});
}

TEST_CASE("with a group to begin from all that depends on it is run once more") {
  const auto p = diamond();
  const std::vector<status> all(5, good);
  CHECK(numbers(groups_to_retry(p, all, group_index{0})) == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(numbers(groups_to_retry(p, all, group_index{2})) == std::vector<std::uint32_t>{2, 3});
  CHECK(numbers(groups_to_retry(p, all, group_index{4})) == std::vector<std::uint32_t>{4});
  CHECK(groups_to_retry(p, all, group_index{5}).empty());
  CHECK(numbers(groups_to_retry(p, {good, good, good, good, status::failed}, group_index{3})) ==
        std::vector<std::uint32_t>{3, 4});
}
