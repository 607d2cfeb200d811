#include "gateway/webhooks/target.hpp"

#include "executors/curl/curl_library.hpp"
#include "gateway/webhooks/poster.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

namespace muster::gateway {

namespace {

constexpr std::size_t longest_url = 2048;

enum class reach { anywhere, inside, never };

struct network {
  std::uint32_t base;
  unsigned prefix;
  reach what;
};

constexpr std::uint32_t ip(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24U | b << 16U | c << 8U | d;
}

/// The first that matches counts (RFC 6890, and addresses of metadata).
constexpr network networks[] = {
    {ip(100, 100, 100, 200), 32, reach::never}, // Metadata of Alibaba Cloud.
    {ip(192, 0, 0, 192), 32, reach::never},     // Metadata of Oracle Cloud.
    {ip(168, 63, 129, 16), 32, reach::never},   // Of Azure's machines.
    {ip(169, 254, 0, 0), 16, reach::never},     // Link-local; metadata of most clouds.
    {ip(0, 0, 0, 0), 8, reach::never},          {ip(224, 0, 0, 0), 3, reach::never}, // Multicast, reserved, broadcast.
    {ip(10, 0, 0, 0), 8, reach::inside},        {ip(100, 64, 0, 0), 10, reach::inside},
    {ip(127, 0, 0, 0), 8, reach::inside},       {ip(172, 16, 0, 0), 12, reach::inside},
    {ip(192, 0, 0, 0), 24, reach::inside},      {ip(192, 0, 2, 0), 24, reach::inside},
    {ip(192, 168, 0, 0), 16, reach::inside},    {ip(198, 18, 0, 0), 15, reach::inside},
    {ip(198, 51, 100, 0), 24, reach::inside},   {ip(203, 0, 113, 0), 24, reach::inside},
};

reach reach_of(std::uint32_t address) noexcept {
  for (const auto& x : networks)
    if ((address ^ x.base) >> (32U - x.prefix) == 0)
      return x.what;
  return reach::anywhere;
}

std::uint32_t four_at(const std::uint8_t* bytes) noexcept {
  return ip(bytes[0], bytes[1], bytes[2], bytes[3]);
}

/// Networks that clouds keep for what they tell machines about themselves.
bool is_metadata(const std::uint8_t* address) noexcept {
  static constexpr std::uint8_t amazon[4] = {0xfd, 0x00, 0x0e, 0xc2};
  static constexpr std::uint8_t google[8] = {0xfd, 0x20, 0x00, 0xce};
  static constexpr std::uint8_t scaleway[8] = {0xfd, 0x00, 0x00, 0x42};
  return std::memcmp(address, amazon, sizeof amazon) == 0 || std::memcmp(address, google, sizeof google) == 0 ||
         std::memcmp(address, scaleway, sizeof scaleway) == 0;
}

reach reach_of(const in6_addr& address) noexcept {
  const auto* b = address.s6_addr;
  static constexpr std::uint8_t zero[12] = {};
  static constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};
  if (is_metadata(b))
    return reach::never;
  if (std::memcmp(b, zero, sizeof zero) == 0) // ::1, :: and the old form of IPv4.
    return four_at(b + 12) == 1 ? reach::inside : reach_of(four_at(b + 12));
  if (std::memcmp(b, mapped, sizeof mapped) == 0 || std::memcmp(b, translated, sizeof translated) == 0)
    return reach_of(four_at(b + 12));
  if (b[0] == 0x20 && b[1] == 0x02) // 6to4
    return reach_of(four_at(b + 2));
  if (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0U) == 0x80)) // Multicast, link-local.
    return reach::never;
  if ((b[0] & 0xfeU) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0U) == 0xc0)) // Unique local, site-local.
    return reach::inside;
  // Whatever else is not global unicast is no host's; Teredo and documentation count as inside.
  if ((b[0] & 0xe0U) != 0x20)
    return reach::never;
  return b[0] == 0x20 && b[1] == 0x01 && (b[2] == 0 || (b[2] == 0x0d && b[3] == 0xb8)) ? reach::inside
                                                                                       : reach::anywhere;
}

bool permitted(reach x, bool allow_private) noexcept {
  return x == reach::anywhere || (x == reach::inside && allow_private);
}

struct url_closer {
  void operator()(CURLU* x) const noexcept { curl().url_cleanup(x); }
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl().url_get(url, part, &text, 0) != CURLUE_OK || text == nullptr)
    return {};
  std::string out{text};
  curl().free(text);
  return out;
}

/// Whether a host that is an address is one that is permitted; any name is.
bool host_is_permitted(std::string host, bool allow_private) {
  if (host.size() > 2 && host.front() == '[') {
    host = host.substr(1, host.find_first_of("]%") - 1);
    in6_addr six{};
    return ::inet_pton(AF_INET6, host.c_str(), &six) == 1 && permitted(reach_of(six), allow_private);
  }
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1)
    return permitted(reach_of(ntohl(four.s_addr)), allow_private);
  return true;
}

/// Where the host begins.
std::optional<std::size_t> behind_scheme(const std::string& url) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (url.compare(0, scheme.size(), scheme) == 0)
      return scheme.size();
  return std::nullopt;
}

} // namespace

std::string without_path(const std::string& url) {
  const auto host = behind_scheme(url);
  if (!host)
    return "...";
  const auto end = url.find_first_of("/?", *host);
  return end == std::string::npos ? url : url.substr(0, end) + "/...";
}

bool may_deliver_to(const sockaddr* address, bool allow_private) noexcept {
  if (address->sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, address, sizeof four);
    return permitted(reach_of(ntohl(four.sin_addr.s_addr)), allow_private);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, address, sizeof six);
    return permitted(reach_of(six.sin6_addr), allow_private);
  }
  return false;
}

result<void> check_webhook_url(const std::string& url, bool allow_private) {
  if (url.empty() || url.size() > longest_url)
    return {ec::invalid_argument, "url must have 1 to " + std::to_string(longest_url) + " bytes"};
  for (const char c : url)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return {ec::invalid_argument, "url must be of printable ASCII: percent-encode the rest"};
  if (!behind_scheme(url)) // Before curl is asked, which completes what is not there.
    return {ec::invalid_argument, "url must begin with https:// or http://"};
  if (auto able = poster::check(); !able)
    return able;
  const std::unique_ptr<CURLU, url_closer> parsed{curl().url()};
  if (!parsed || curl().url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return {ec::invalid_argument, "url is none"};
  if (!part_of(parsed.get(), CURLUPART_USER).empty() || !part_of(parsed.get(), CURLUPART_PASSWORD).empty())
    return {ec::invalid_argument, "url must have no user or password: deliveries are signed"};
  if (!part_of(parsed.get(), CURLUPART_FRAGMENT).empty())
    return {ec::invalid_argument, "url must have no fragment"};
  const auto host = part_of(parsed.get(), CURLUPART_HOST);
  if (host.empty())
    return {ec::invalid_argument, "url must have a host"};
  if (!host_is_permitted(host, allow_private))
    return {ec::invalid_argument, "url leads to an address that no webhook may call: " + host};
  return {};
}

} // namespace muster::gateway
