#include "muster/base/sha256.hpp"

#include "support/catch.hpp"

using namespace muster;

// The examples of FIPS 180-4.
TEST_CASE("SHA-256 is what the standard says") {
  CHECK(sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_of(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("fields are told apart, bytes are not") {
  const auto of = [](std::initializer_list<std::string_view> parts, bool fields) {
    sha256 x;
    for (const auto part : parts)
      fields ? x.add_field(part) : x.add(part);
    return x.hex();
  };
  CHECK(of({"ab", "c"}, false) == sha256_of("abc"));
  CHECK(of({"ab", "c"}, true) != of({"a", "bc"}, true));
  CHECK(of({"", "a"}, true) != of({"a", ""}, true));
}
