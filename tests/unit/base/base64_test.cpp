#include "muster/base/base64.hpp"

#include "support/catch.hpp"

using namespace muster;

TEST_CASE("base64") {
  CHECK(*decode_base64("") == "");
  CHECK(*decode_base64("Zg==") == "f");
  CHECK(*decode_base64("Zm8=") == "fo");
  CHECK(*decode_base64("Zm9v") == "foo");
  CHECK(*decode_base64("Zm9v\nYmFy\n") == "foobar");
  CHECK(*decode_base64("Zm8") == "fo"); // Without padding, as many encoders write it.
  CHECK(*decode_base64("AP+/") == std::string("\x00\xff\xbf", 3));
  for (const auto* bad : {"Z", "Zm9vY", "Zm9v=", "Zg=", "Z=g=", "Zm9*", "Zg==Zg==", "Zm-_"})
    CHECK(decode_base64(bad).failure().code == ec::data_error);
}
