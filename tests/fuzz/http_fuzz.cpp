// What clients send: a request must be understood alike however it is cut into pieces, and nothing of it may harm.
#include "gateway/http/range.hpp"
#include "gateway/http/request_reader.hpp"
#include "gateway/http/response_head.hpp"
#include "gateway/http/target.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace muster;

namespace {

http::server_config small_limits() {
  http::server_config x;
  x.header_bytes = 2048;
  x.target_bytes = 512;
  x.body_bytes = 4096;
  return x;
}

/// What became of a request: its status if it was refused, 1 if more must come, else 0 with what was read.
struct outcome {
  unsigned status = 0;
  std::string read;
  bool operator==(const outcome& other) const { return status == other.status && read == other.read; }
};

/// Gives the reader the first `cut` bytes, then all.
outcome read(std::string_view bytes, std::size_t cut) {
  static const auto limits = small_limits();
  http::request_reader reader(limits);
  std::size_t taken = 0;
  for (const auto end : {cut, bytes.size()}) {
    auto rest = bytes.substr(taken, end - taken);
    if (!reader.has_head())
      if (const auto refused = reader.take_head(rest))
        return {refused->status, {}};
    if (reader.has_head() && !reader.is_whole())
      if (const auto refused = reader.take_body(rest))
        return {refused->status, {}};
    taken = end - rest.size();
  }
  if (!reader.is_whole())
    return {1, {}};
  reader.finish();
  auto& x = reader.taken();
  for (const auto& part : x.parts)
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos)
      std::abort();
  return {0, x.method + ' ' + x.path + ' ' + x.body + ' ' + std::to_string(taken)};
}

void check_range(std::string_view text) {
  constexpr std::uint64_t size = 1000;
  const auto x = http::parse_range(text, size);
  if (x.what == http::byte_range::kind::some && (x.size == 0 || x.first + x.size > size))
    std::abort();
  (void)http::names_tag(text, "\"tag\"", true);
  (void)http::parse_http_date(text);
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer wants this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto cut = data[0] * bytes.size() / 256;
  const auto whole = read(bytes, bytes.size());
  const auto in_two = read(bytes, cut);
  // Where it is refused for its size, how much of it was there decides for what first.
  if (whole.status <= 1 && in_two.status <= 1 && !(whole == in_two))
    std::abort();
  (void)http::parse_target(bytes);
  check_range(bytes);
  return 0;
}
