#include "executors/machine/gpu_offer.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace muster::machine {

namespace {

index_set without(const index_set& x, const index_set& others) {
  index_set out;
  std::set_difference(x.begin(), x.end(), others.begin(), others.end(), std::inserter(out, out.end()));
  return out;
}

std::uint32_t smallest_free(const index_set& taken) {
  std::uint32_t out = 0;
  while (taken.count(out) != 0)
    ++out;
  return out;
}

std::string difference(const index_set& declared, const index_set& found) {
  std::string out;
  if (const auto unknown = without(declared, found); !unknown.empty())
    out = "GPU " + text_of(unknown) + " is declared, and NVML does not know it" +
          (found.empty() ? "" : ": it is not offered");
  if (const auto left = without(found, declared); !left.empty())
    out += (out.empty() ? "" : "; ") + ("NVML knows GPU " + text_of(left) + ", which is not declared and not offered");
  return out;
}

} // namespace

std::string text_of(const index_set& x) {
  std::string out;
  for (auto at = x.begin(); at != x.end();) {
    const auto first = *at;
    auto last = first;
    for (++at; at != x.end() && *at == last + 1; ++at)
      last = *at;
    out += (out.empty() ? "" : ",") + std::to_string(first) + (last == first ? "" : '-' + std::to_string(last));
  }
  return out;
}

void keep_numbers(nvml_answer& found, gpu_numbers& known) {
  index_set taken;
  for (const auto& [uuid, number] : known)
    taken.insert(number);
  std::map<std::uint32_t, std::uint32_t> renamed;
  for (auto& x : found.gpus) {
    const auto before = known.find(x.uuid);
    const auto number = before != known.end()       ? before->second
                        : taken.count(x.index) == 0 ? x.index
                                                    : smallest_free(taken);
    taken.insert(number);
    known[x.uuid] = number;
    renamed[x.index] = number;
    x.index = number;
  }
  for (auto& group : found.links) {
    for (auto& x : group)
      x = renamed.at(x);
    std::sort(group.begin(), group.end());
  }
  std::sort(found.links.begin(), found.links.end());
  std::sort(found.gpus.begin(), found.gpus.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
}

gpu_offer choose_gpus_to_offer(nvml_answer found, const std::optional<std::vector<std::uint32_t>>& declared) {
  gpu_offer out;
  index_set usable;
  for (const auto& x : found.gpus)
    usable.insert(x.index);
  index_set useless;
  for (const auto& x : found.unusable) {
    if (usable.count(x.index) == 0) // Else it is the number of another one by now.
      useless.insert(x.index);
    out.warnings.push_back("GPU " + std::to_string(x.index) + " is not offered: " + x.why);
  }
  auto offered = usable;
  if (declared) {
    const index_set wanted{declared->begin(), declared->end()};
    offered = without(wanted, useless);
    const bool answered = found.has_library && found.problem.empty();
    const auto text = answered && !wanted.empty() ? difference(offered, usable) : std::string{};
    if (!text.empty())
      out.warnings.push_back(text);
    if (answered && !usable.empty()) // Its number alone, without a UUID, may be that of another one for the driver.
      offered = without(offered, without(offered, usable));
  }
  if (!found.problem.empty())
    out.warnings.push_back(found.problem);
  if (declared && declared->empty())
    out.none_because = "none is declared";
  else if (offered.empty() && !out.warnings.empty())
    out.none_because = out.warnings.front();
  out.indices.assign(offered.begin(), offered.end());
  std::copy_if(found.gpus.begin(), found.gpus.end(), std::back_inserter(out.facts),
               [&](const auto& x) { return offered.count(x.index) != 0; });
  for (auto& group : found.links) {
    group.erase(std::remove_if(group.begin(), group.end(), [&](auto x) { return offered.count(x) == 0; }), group.end());
    if (group.size() > 1)
      out.links.push_back(std::move(group));
  }
  return out;
}

} // namespace muster::machine
