#include "support/network_ground.hpp"

#include "support/subprocess.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace muster::test {

network_ground::network_ground(unsigned machines) {
  home_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home_ < 0 || ::geteuid() != 0) {
    missing_ = "network namespaces are made by root";
    return;
  }
  if (::unshare(CLONE_NEWNET) != 0) {
    missing_ = "this host makes no network namespace: " + std::generic_category().message(errno);
    return;
  }
  if (!ip({"link", "set", "lo", "up"}) || !ip({"link", "add", "wire", "type", "bridge"}) ||
      !ip({"link", "set", "wire", "up"}) || !ip({"address", "add", "10.78.0.1/24", "dev", "wire"})) {
    missing_ = "iproute2 makes no bridge here";
    return;
  }
  for (unsigned i = 1; i <= machines && missing_.empty(); ++i)
    add(i);
}

network_ground::~network_ground() {
  for (unsigned i = 1; i <= machines_; ++i)
    ip({"netns", "delete", name_of(i)});
  if (home_ < 0)
    return;
  if (::setns(home_, CLONE_NEWNET) != 0)
    std::terminate(); // What follows would run in the wrong place.
  ::close(home_);
}

std::string network_ground::name_of(unsigned machine) const {
  return "muster-" + std::to_string(::getpid()) + '-' + std::to_string(machine);
}

std::string network_ground::address_of(unsigned machine) {
  return "10.78.0." + std::to_string(10 + machine);
}

std::vector<std::string> network_ground::prefix_of(unsigned machine) const {
  return {"nsenter", "--net=" + namespace_of(machine)};
}

std::string network_ground::namespace_of(unsigned machine) const {
  return "/var/run/netns/" + name_of(machine);
}

bool network_ground::ip(const std::vector<std::string>& words) const {
  command what;
  what.argv = {"ip"};
  what.argv.insert(what.argv.end(), words.begin(), words.end());
  return run(what).exit_code == 0;
}

void network_ground::add(unsigned machine) {
  const auto name = name_of(machine);
  const auto plug = "plug" + std::to_string(machine);
  const auto inside = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"-n", name});
    return ip(words);
  };
  if (!ip({"netns", "add", name})) {
    missing_ = "iproute2 makes no namespace here";
    return;
  }
  machines_ = machine;
  if (!ip({"link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", name}) ||
      !ip({"link", "set", plug, "master", "wire"}) || !ip({"link", "set", plug, "up"}) ||
      !inside({"link", "set", "lo", "up"}) || !inside({"link", "set", "eth0", "up"}) ||
      !inside({"address", "add", address_of(machine) + "/24", "dev", "eth0"}))
    missing_ = "iproute2 connects no namespaces here";
}

bool network_ground::add_ipv6() const {
  const auto give = [this](std::vector<std::string> of, const std::string& address, const char* device) {
    of.insert(of.end(), {"address", "add", address + "/64", "dev", device, "nodad"});
    return ip(of);
  };
  if (!give({}, "fd78::1", "wire"))
    return false;
  for (unsigned i = 1; i <= machines_; ++i)
    if (!give({"-n", name_of(i)}, "fd78::" + std::to_string(10 + i), "eth0"))
      return false;
  return true;
}

void network_ground::cut(unsigned machine) const {
  ip({"link", "set", "plug" + std::to_string(machine), "down"});
}

void network_ground::heal(unsigned machine) const {
  ip({"link", "set", "plug" + std::to_string(machine), "up"});
}

} // namespace muster::test
