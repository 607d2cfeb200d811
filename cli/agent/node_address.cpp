#include "cli/agent/node_address.hpp"

#include "muster/base/ipv4.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <set>
#include <system_error>

namespace muster::cli {

namespace {

struct interfaces_deleter {
  void operator()(ifaddrs* x) const noexcept { ::freeifaddrs(x); }
};
using interface_list = std::unique_ptr<ifaddrs, interfaces_deleter>;

/// Null where they cannot be listed.
interface_list list_interfaces() {
  ifaddrs* found = nullptr;
  return interface_list{::getifaddrs(&found) == 0 ? found : nullptr};
}

/// Its IPv4 address, if it has one.
std::optional<ipv4_address> address_of(const ifaddrs& x) {
  if (x.ifa_addr == nullptr || x.ifa_addr->sa_family != AF_INET)
    return std::nullopt;
  return ntohl(reinterpret_cast<const sockaddr_in*>(x.ifa_addr)->sin_addr.s_addr); // NOLINT: the interface of sockets
}

std::string list_of(const std::set<std::string>& names) {
  std::string out;
  for (const auto& x : names)
    out += (out.empty() ? "" : ", ") + x;
  return out.empty() ? "none" : out;
}

} // namespace

result<std::string> node_address(const std::string& text) {
  if (const auto address = parse_ipv4(text)) {
    constexpr std::uint32_t first_of_many = 0xe0000000; // Multicast, and what is reserved.
    if (*address == 0 || *address >= first_of_many)
      return error{ec::invalid_argument, "members of groups cannot connect to " + text +
                                             ": name an address of this machine, or an interface"};
    return text;
  }
  const auto all = list_interfaces();
  if (!all)
    return error{ec::unavailable,
                 "the network interfaces of this machine cannot be listed: " + std::generic_category().message(errno)};
  bool exists = false;
  std::set<std::string> with_address;
  for (const auto* x = all.get(); x != nullptr; x = x->ifa_next) {
    exists = exists || text == x->ifa_name;
    const auto address = address_of(*x);
    if (!address)
      continue;
    if (text == x->ifa_name)
      return ipv4_to_text(*address);
    with_address.insert(x->ifa_name);
  }
  return error{ec::invalid_argument,
               (exists ? "network interface " + text + " has no IPv4 address"
                       : "'" + text + "' is no IPv4 address, and no network interface of this machine") +
                   "; interfaces with one are: " + list_of(with_address)};
}

bool is_own_address(const std::string& text) {
  constexpr ipv4_address loopback = 127;
  const auto wanted = parse_ipv4(text);
  const auto all = list_interfaces();
  if (!wanted || *wanted >> 24U == loopback || !all)
    return true;
  for (const auto* x = all.get(); x != nullptr; x = x->ifa_next)
    if (address_of(*x) == wanted)
      return true;
  return false;
}

} // namespace muster::cli
