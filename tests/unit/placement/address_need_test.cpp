#include "support/catch.hpp"

#include "muster/placement/address_need.hpp"

using namespace muster;

namespace {

spec::task task_of(const std::string& argument) {
  spec::task x;
  x.name = "server";
  x.args = {argument};
  return x;
}

} // namespace

TEST_CASE("a task alone wants an address only if it says it") {
  const auto need = [](const spec::task& x) { return address_need_of(x, true, true); };
  CHECK(need(task_of("listen on 0.0.0.0")) == address_need::none);
  CHECK(need(task_of("listen on {{ host:server }}")) == address_need::own);
  CHECK(need(task_of("listen on $MUSTER_ADDRESS")) == address_need::own);
  CHECK(need(task_of("{{host:other}} {{output}} host:server")) == address_need::none);
  auto x = task_of("");
  x.environment = {{"URL", "http://{{host:server}}:80"}};
  CHECK(need(x) == address_need::own);
  x.host_network = true;
  CHECK(need(x) == address_need::host);
  x = task_of("");
  x.files = {{"/etc/conf", "bind {{host:server}}", false}};
  CHECK(need(x) == address_need::own);
  x.files.clear();
  x.host_network = true;
  CHECK(need(x) == address_need::none);
}

TEST_CASE("a member of a gang always has an address, in the host's network that of the host") {
  auto x = task_of("");
  CHECK(address_need_of(x, false, true) == address_need::own);
  x.host_network = true;
  CHECK(address_need_of(x, false, true) == address_need::host);
  CHECK(address_need_of(task_of(""), true, false) == address_need::own);
}
