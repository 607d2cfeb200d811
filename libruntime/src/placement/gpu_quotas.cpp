#include "placement/gpu_quotas.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace muster {

namespace {

constexpr auto unlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t rest(std::int64_t limit, std::int64_t held) noexcept {
  return limit < 0 ? unlimited : limit - held;
}

} // namespace

gpu_quotas::gpu_quotas(std::vector<gpu_quota> quotas) {
  if (quotas.empty())
    quotas.emplace_back();
  for (auto& x : quotas)
    all_.push_back({std::move(x)});
}

std::optional<std::uint32_t> gpu_quotas::find(const std::string& name) const {
  if (name.empty())
    return 0U;
  const auto at = std::find_if(all_.begin(), all_.end(), [&](const entry& x) { return x.terms.name == name; });
  return at == all_.end() ? std::nullopt : std::make_optional(static_cast<std::uint32_t>(at - all_.begin()));
}

void gpu_quotas::add(std::uint32_t quota, gang_priority priority, std::int64_t gpus) {
  all_[quota].held += gpus;
  if (priority != gang_priority::low)
    all_[quota].held_firmly += gpus;
}

std::int64_t gpu_quotas::left(std::uint32_t quota, gang_priority priority) const {
  const auto& x = all_[quota];
  const auto of_all = rest(x.terms.maximum, x.held);
  return priority == gang_priority::low ? of_all : std::min(of_all, rest(x.terms.guarantee, x.held_firmly));
}

std::int64_t gpu_quotas::limit(std::uint32_t quota, gang_priority priority) const {
  const auto& x = all_[quota].terms;
  const auto maximum = rest(x.maximum, 0);
  return priority == gang_priority::low ? maximum : std::min(maximum, rest(x.guarantee, 0));
}

bool gpu_quotas::guarantees(std::uint32_t quota, std::int64_t gpus) const {
  const auto& x = all_[quota];
  return gpus == 0 || gpus <= rest(x.terms.guarantee, x.held_firmly);
}

std::int64_t gpu_quotas::beyond(std::uint32_t quota) const {
  const auto& x = all_[quota];
  return x.terms.guarantee < 0 ? 0 : std::max<std::int64_t>(0, x.held - x.terms.guarantee);
}

double gpu_quotas::ratio(std::uint32_t quota) const {
  const auto weight = all_[quota].terms.weight;
  return static_cast<double>(beyond(quota)) / (weight > 0 ? weight : 1e-9);
}

} // namespace muster
