#include "cli/agent/node_address.hpp"

#include "muster/base/ipv4.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <ifaddrs.h>
#include <memory>
#include <netinet/in.h>
#include <set>
#include <system_error>

namespace muster::cli {

namespace {

struct interfaces_deleter {
  void operator()(ifaddrs* x) const noexcept { ::freeifaddrs(x); }
};
using interface_list = std::unique_ptr<ifaddrs, interfaces_deleter>;

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
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0)
    return error{ec::unavailable,
                 "the network interfaces of this machine cannot be listed: " + std::generic_category().message(errno)};
  const interface_list all{found};
  bool exists = false;
  std::set<std::string> with_address;
  for (const auto* x = all.get(); x != nullptr; x = x->ifa_next) {
    exists = exists || text == x->ifa_name;
    if (x->ifa_addr == nullptr || x->ifa_addr->sa_family != AF_INET)
      continue;
    if (text == x->ifa_name)
      return ipv4_to_text(ntohl(reinterpret_cast<const sockaddr_in*>(x->ifa_addr)->sin_addr.s_addr)); // NOLINT
    with_address.insert(x->ifa_name);
  }
  return error{ec::invalid_argument,
               (exists ? "network interface " + text + " has no IPv4 address"
                       : "'" + text + "' is no IPv4 address, and no network interface of this machine") +
                   "; interfaces with one are: " + list_of(with_address)};
}

} // namespace muster::cli
