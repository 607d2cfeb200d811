#include "executors/machine/host_capacity.hpp"
#include "made_up_machine.hpp"
#include "support/catch.hpp"

#include <sys/statvfs.h>

using namespace muster;
using namespace muster::test;

namespace {

constexpr std::int64_t mebi = 1 << 20;

capacity of(const made_up_machine& x) {
  const auto out = machine::host_capacity(x.root(), x.root());
  REQUIRE(out);
  return *out;
}

/// Of 4 GiB.
void make_memory(made_up_machine& x) {
  x.with("proc/meminfo", "MemTotal:        4194304 kB\nMemFree:  1 kB");
}

} // namespace

TEST_CASE("a machine without control groups offers all of its memory, and what is free on the disk") {
  made_up_machine x;
  make_memory(x);
  const auto all = of(x);
  CHECK(all.memory == 4096 * mebi);
  struct statvfs facts {};
  REQUIRE(::statvfs(x.root().c_str(), &facts) == 0);
  const auto total = static_cast<std::int64_t>(facts.f_blocks) * static_cast<std::int64_t>(facts.f_frsize);
  CHECK(all.storage >= 0);
  CHECK(all.storage <= total);
}

TEST_CASE("the scarcest limit of control groups counts, version 2") {
  made_up_machine x;
  make_memory(x);
  x.with("proc/self/cgroup", "0::/system.slice/muster.service")
      .with("sys/fs/cgroup/system.slice/muster.service/memory.max", "max")
      .with("sys/fs/cgroup/system.slice/memory.max", "536870912")
      .with("sys/fs/cgroup/system.slice/muster.service/cpu.max", "max 100000")
      .with("sys/fs/cgroup/system.slice/cpu.max", "50000 100000");
  CHECK(of(x).memory == 512 * mebi);
  CHECK(of(x).cpu == 1);
  x.with("sys/fs/cgroup/system.slice/muster.service/memory.max", "268435456");
  CHECK(of(x).memory == 256 * mebi);
  x.with("sys/fs/cgroup/system.slice/muster.service/memory.max", "99999999999999");
  CHECK(of(x).memory == 512 * mebi);
}

TEST_CASE("an agent in a container sees its limit at the root of the hierarchy") {
  made_up_machine x;
  make_memory(x);
  x.with("proc/self/cgroup", "0::/").with("sys/fs/cgroup/memory.max", "1073741824");
  CHECK(of(x).memory == 1024 * mebi);
}

TEST_CASE("the scarcest limit of control groups counts, version 1") {
  made_up_machine x;
  make_memory(x);
  x.with("proc/self/cgroup", "12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc")
      .with("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
      .with("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "805306368")
      .with("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "100000")
      .with("sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000");
  CHECK(of(x).memory == 768 * mebi);
  CHECK(of(x).cpu == 1);
}

TEST_CASE("a container of version 1 sees its own limit where the path of the host leads nowhere") {
  made_up_machine x;
  make_memory(x);
  x.with("proc/self/cgroup", "4:memory:/docker/abc").with("sys/fs/cgroup/memory/memory.limit_in_bytes", "402653184");
  CHECK(of(x).memory == 384 * mebi);
}

TEST_CASE("both versions at once") {
  made_up_machine x;
  make_memory(x);
  x.with("proc/self/cgroup", "4:memory:/a\n0::/b")
      .with("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "805306368")
      .with("sys/fs/cgroup/unified/b/memory.max", "402653184");
  CHECK(of(x).memory == 384 * mebi);
}

TEST_CASE("a folder that is not there has no storage to offer") {
  const made_up_machine x;
  const auto out = machine::host_capacity(x.root() / "missing", x.root());
  REQUIRE_FALSE(out);
  CHECK(out.failure().code == ec::io_error);
}
