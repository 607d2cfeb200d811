#include "gateway/http/response_head.hpp"

#include "gateway/http/refusal.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace muster::http {
namespace {

constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool is_servers_own(std::string_view name) {
  static const header_map own{{"Content-Length", ""}, {"Connection", ""}, {"Date", ""}, {"Transfer-Encoding", ""}};
  return own.find(name) != own.end();
}

bool is_name(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
  });
}

void add(std::string& out, std::string_view name, std::string_view value) {
  if (!is_name(name))
    return;
  out.append(name).append(": ");
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\t') || byte == 0x7f ? ' ' : c;
  }
  out += "\r\n";
}

/// The date changes once a second, answers come by the thousand.
const std::string& date_now() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  if (const auto now = std::time(nullptr); now != made) {
    made = now;
    text = http_date(now);
  }
  return text;
}

} // namespace

std::string head_of(const response& x, const answer_framing& how, const header_map& more, std::string_view request_id) {
  const auto status = x.status < 200 || x.status > 599 ? 500U : x.status;
  std::string out = "HTTP/1.1 " + std::to_string(status) + ' ';
  out.append(reason_of(status)).append("\r\n");
  add(out, "Date", date_now());
  for (const auto& [name, value] : x.headers)
    if (!is_servers_own(name))
      add(out, name, value);
  for (const auto& [name, value] : more)
    if (!is_servers_own(name) && x.headers.find(name) == x.headers.end())
      add(out, name, value);
  if (!request_id.empty() && x.headers.find(std::string_view("X-Request-Id")) == x.headers.end())
    add(out, "X-Request-Id", request_id);
  if (how.length && !how.no_content)
    add(out, "Content-Length", std::to_string(*how.length));
  if (how.chunked && !how.no_content)
    add(out, "Transfer-Encoding", "chunked");
  if (!how.keep_alive)
    add(out, "Connection", "close");
  else if (!how.client_is_1_1)
    add(out, "Connection", "keep-alive");
  out += "\r\n";
  return out;
}

std::string http_date(std::time_t when) {
  std::tm x{};
  ::gmtime_r(&when, &x);
  std::array<char, 64> text{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): neither strftime nor streams are free of the locale.
  const int size = std::snprintf(
      text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[static_cast<std::size_t>(x.tm_wday)],
      x.tm_mday, months[static_cast<std::size_t>(x.tm_mon)], x.tm_year + 1900, x.tm_hour, x.tm_min, x.tm_sec);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
  if (text.size() != 29)
    return std::nullopt;
  const std::string copy(text);
  std::array<char, 4> day{}, month{};
  std::tm x{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  if (std::sscanf(copy.c_str(), "%3s, %2d %3s %4d %2d:%2d:%2d GMT", day.data(), &x.tm_mday, month.data(), &x.tm_year,
                  &x.tm_hour, &x.tm_min, &x.tm_sec) != 7)
    return std::nullopt;
  const auto found = std::find_if(months.begin(), months.end(),
                                  [&](const char* name) { return std::string_view(name) == month.data(); });
  if (found == months.end())
    return std::nullopt;
  x.tm_mon = static_cast<int>(found - months.begin());
  x.tm_year -= 1900;
  const auto when = ::timegm(&x);
  // Whatever does not come back as it was is no date, such as the 31st of February.
  return http_date(when) == text ? std::optional(when) : std::nullopt;
}

} // namespace muster::http
