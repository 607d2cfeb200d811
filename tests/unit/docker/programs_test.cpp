#include "executors/docker/programs.hpp"

#include "support/catch.hpp"

using namespace muster::docker;

using places = std::vector<std::string>;

TEST_CASE("a program is looked for where the image looks for it") {
  CHECK(places_of("/bin/true", {}) == places{"/bin/true"});
  CHECK(places_of("true", {"HOME=/root", "PATH=/opt/bin:/bin"}) == places{"/bin/true", "/opt/bin/true"});
  CHECK(places_of("true", {"PATH=/opt/bin:/usr/bin:/sbin:/bin"}) ==
        places{"/usr/bin/true", "/bin/true", "/opt/bin/true", "/sbin/true"});
  CHECK(places_of("true", {}).size() == 6);
}

TEST_CASE("where a program lies cannot be told of every word") {
  CHECK(places_of("", {}).empty());
  CHECK(places_of("./run", {}).empty());
  CHECK(places_of("bin/run", {}).empty());
  CHECK(places_of("{{item}}", {}).empty());
  CHECK(places_of("true", {"PATH=/bin:.:/usr/bin"}).empty());
  CHECK(places_of("true", {"PATH=:/usr/bin"}).empty());
}
