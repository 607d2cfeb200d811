#include "docker_muster.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/flow_cases.hpp"

using namespace muster::test;

TEST_CASE("runnable's cases end as they do there, in containers") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const docker_muster muster{*docker};
  for (const auto& x : runnable_cases("busybox")) {
    INFO(x.name << "\n" << x.spec);
    subprocess process{muster.run(x.spec)};
    const auto said = process.finish(std::chrono::seconds{120});
    INFO(said.out << said.err);
    CHECK(said.exit_code == (x.ends == ::muster::status::completed ? 0 : 3));
    check_flow_case(x, muster.program().state());
  }
  CHECK(muster.containers().empty());
}

TEST_CASE("slurm-sdk's figures, in containers") {
  const auto docker = shared_docker();
  if (!docker)
    return;
  const docker_muster muster{*docker};
  for (const auto& x : slurm_sdk_cases("busybox")) {
    INFO(x.name << "\n" << x.spec);
    subprocess process{muster.run(x.spec)};
    const auto said = process.finish(std::chrono::seconds{120});
    INFO(said.out << said.err);
    CHECK(said.exit_code == (x.ends == ::muster::status::completed ? 0 : 3));
    check_flow_case(x, muster.program().state());
  }
  CHECK(muster.containers().empty());
}
