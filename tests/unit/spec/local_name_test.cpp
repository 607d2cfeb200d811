#include "support/catch.hpp"

#include "muster/spec/names.hpp"

using muster::spec::local_name;

TEST_CASE("the local name of a task is what the spec calls it") {
  CHECK(local_name("train") == "train");
  CHECK(local_name("train.3") == "train");
  CHECK(local_name("mid.1.train") == "train");
  CHECK(local_name("mid.1.train.0.17") == "train");
  CHECK(local_name("gang.2.worker-1") == "worker-1");
}
