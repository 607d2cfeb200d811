#pragma once

#include "muster/placement/queue_policy.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Quotas of GPUs, and what is held of them. Private to placement.
namespace muster {

class gpu_quotas {
public:
  /// Without any there is one without limits.
  explicit gpu_quotas(std::vector<gpu_quota> quotas);

  /// The quota of that name, the first one for an empty name.
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& name) const;
  [[nodiscard]] const gpu_quota& operator[](std::uint32_t quota) const { return all_[quota].terms; }

  /// Gangs hold `gpus` more, or less.
  void add(std::uint32_t quota, gang_priority priority, std::int64_t gpus);

  /// What a gang of this priority may still take.
  [[nodiscard]] std::int64_t left(std::uint32_t quota, gang_priority priority) const;
  /// Of how many in all.
  [[nodiscard]] std::int64_t limit(std::uint32_t quota, gang_priority priority) const;
  [[nodiscard]] bool allow(std::uint32_t quota, gang_priority priority, std::int64_t gpus) const {
    return gpus == 0 || gpus <= left(quota, priority);
  }
  /// The guarantee allows it, whatever others hold beyond theirs.
  [[nodiscard]] bool guarantees(std::uint32_t quota, std::int64_t gpus) const;
  /// GPUs that are held beyond the guarantee.
  [[nodiscard]] std::int64_t beyond(std::uint32_t quota) const;
  /// The same by weight: whoever has less of it comes first.
  [[nodiscard]] double ratio(std::uint32_t quota) const;

private:
  struct entry {
    gpu_quota terms;
    std::int64_t held = 0;
    std::int64_t held_firmly = 0; ///< By HIGH and NORMAL.
  };
  std::vector<entry> all_;
};

} // namespace muster
