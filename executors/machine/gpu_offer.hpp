#pragma once

#include "executors/machine/nvml.hpp"
#include "executors/machine_facts.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace muster::machine {

using index_set = std::set<std::uint32_t>;

/// `0-3,6`
[[nodiscard]] std::string text_of(const index_set& x);

/// Which numbers GPUs had before: UUID -> number.
using gpu_numbers = std::map<std::string, std::uint32_t>;

/// Gives each GPU the number that it had before. When one drops out, NVML counts those behind it anew, but tasks that
/// run are known to hold a number. Who had none gets the one that NVML counts, if it was nobody's, else the smallest
/// that is free. Notes them in `known`.
void keep_numbers(nvml_answer& found, gpu_numbers& known);

/// What a machine offers of its GPUs.
struct gpu_offer {
  std::vector<std::uint32_t> indices; ///< Ascending.
  std::vector<gpu_facts> facts;       ///< Of those that NVML knows.
  std::vector<std::vector<std::uint32_t>> links;
  std::string none_because;          ///< Why there are none, for people, where there is more to say than that.
  std::vector<std::string> warnings; ///< For people.
};

/// `declared`, if anything was declared, else what was found. What NVML knows to be of no use is not offered either
/// way.
[[nodiscard]] gpu_offer choose_gpus_to_offer(nvml_answer found,
                                             const std::optional<std::vector<std::uint32_t>>& declared);

} // namespace muster::machine
