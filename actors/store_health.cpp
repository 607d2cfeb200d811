#include "actors/store_health.hpp"

#include <system_error>

namespace muster {

void store_health::set_full(const std::string& why) {
  bool is_new = false;
  {
    const std::lock_guard lock{mutex_};
    why_ = why;
    is_new = !full_.exchange(true);
  }
  if (is_new && tell_)
    tell_(why);
}

void store_health::clear() {
  if (full_.exchange(false) && tell_)
    tell_({});
}

std::optional<error> store_health::refusal() const {
  if (!full_)
    return std::nullopt;
  const std::lock_guard lock{mutex_};
  return error{ec::store_full, "nothing can be recorded until there is room: " + why_};
}

std::optional<error> store_health::admission_refusal() const {
  if (auto why = refusal())
    return why;
  const auto min_free = min_free_.load();
  if (min_free == 0)
    return std::nullopt;
  std::error_code failed;
  const auto space = std::filesystem::space(directory_, failed);
  if (failed || space.available >= min_free)
    return std::nullopt;
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
  return error{ec::store_full, "nothing is admitted: the file system of " + directory_.string() + " has " +
                                   std::to_string(space.available / mebibyte) + " MiB left, and " +
                                   std::to_string(min_free / mebibyte) + " MiB are kept free"};
}

} // namespace muster
