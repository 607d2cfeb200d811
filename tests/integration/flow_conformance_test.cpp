#include "support/catch.hpp"
#include "support/flow_cases.hpp"
#include "support/muster_program.hpp"

using namespace muster::test;

TEST_CASE("runnable's cases end as they do there, and nesting in parallel as there in sequence") {
  const muster_program muster;
  for (const auto& x : runnable_cases("busybox")) {
    INFO(x.name << "\n" << x.spec);
    const auto said = muster({"run", muster.file(x.name + ".yaml", x.spec), "--oversubscribe", "8"});
    INFO(said.out << said.err);
    CHECK(said.exit_code == (x.ends == ::muster::status::completed ? 0 : 3));
    check_flow_case(x, muster.state());
  }
}

TEST_CASE("slurm-sdk's figures") {
  const muster_program muster;
  for (const auto& x : slurm_sdk_cases("busybox")) {
    INFO(x.name << "\n" << x.spec);
    const auto said = muster({"run", muster.file(x.name + ".yaml", x.spec), "--oversubscribe", "8"});
    INFO(said.out << said.err);
    CHECK(said.exit_code == (x.ends == ::muster::status::completed ? 0 : 3));
    check_flow_case(x, muster.state());
  }
}
