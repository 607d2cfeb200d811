#include "muster/flow/cache_key.hpp"

#include "support/catch.hpp"

using namespace muster::flow;

namespace {

cache_parts sample() {
  return {{"image", "busybox", {}},
          {"args", R"(["1"])", {}},
          {"input data", "d1", {{"a.csv", "644 x"}, {"b.csv", "644 y"}}}};
}

std::vector<std::string> changed(const cache_parts& now) {
  return part_differences(encode_parts(sample()), now);
}

} // namespace

TEST_CASE("a key is of all names and values") {
  const auto key = cache_key(sample());
  CHECK(key.size() == 64);
  CHECK(key == cache_key(sample()));
  for (std::size_t i = 0; i < 3; ++i) {
    auto other = sample();
    other[i].value += "x";
    CHECK(cache_key(other) != key);
    other = sample();
    other[i].name += "x";
    CHECK(cache_key(other) != key);
  }
  CHECK(changed(sample()).empty());
}

TEST_CASE("what is different is told for people") {
  auto now = sample();
  now[1].value = R"(["2"])";
  CHECK(changed(now) == std::vector<std::string>{R"(args: ["1"] -> ["2"])"});
  now = sample();
  now[2].value = "d2";
  now[2].files[0].second = "644 z";
  CHECK(changed(now) == std::vector<std::string>{"input data: file a.csv changed"});
  now[2].files.pop_back();
  now[2].files[0].second = "644 x";
  CHECK(changed(now) == std::vector<std::string>{"input data: file b.csv is not there any more"});
  now[2].files = {};
  now.erase(now.begin());
  now.push_back({"environment X", "1", {}});
  CHECK(changed(now).size() == 3);
  CHECK(part_differences("damaged", now).empty());
  CHECK(part_differences("[1,{}]", now).size() == 4);
}

TEST_CASE("what is kept of a key is bounded") {
  cache_parts large;
  for (int i = 0; i < 3000; ++i)
    large.push_back({"environment " + std::to_string(i), std::string(2000, 'x'), {}});
  for (int i = 0; i < 5000; ++i)
    large.front().files.emplace_back("file " + std::to_string(i), std::string(64, 'a'));
  CHECK(encode_parts(large).size() < std::size_t{64} << 10U);
  auto other = large;
  other.front().value += "y";
  CHECK_FALSE(part_differences(encode_parts(large), other).empty());
}
