#include "executors/machine/discovery.hpp"

#include "executors/machine/gpu_offer.hpp"
#include "executors/machine/topology.hpp"
#include "muster/base/durable_file.hpp"
#include "muster/base/log.hpp"
#include "muster/base/posix.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

namespace muster::machine {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  const auto text = read_small_file(file.c_str());
  return text.substr(0, text.find('\n'));
}

/// The numbers that were given out since the machine was started: what holds one cannot be older than that.
gpu_numbers read_numbers(const fs::path& file, const std::string& boot) {
  gpu_numbers out;
  std::istringstream lines{read_small_file(file.c_str())};
  std::string line;
  if (!std::getline(lines, line) || line != boot)
    return out;
  std::uint32_t number = 0;
  std::string uuid;
  while (lines >> number >> uuid)
    out[uuid] = number;
  return out;
}

void write_numbers(const fs::path& file, const std::string& boot, const gpu_numbers& known) {
  std::string text = boot + '\n';
  for (const auto& [uuid, number] : known)
    text += std::to_string(number) + ' ' + uuid + '\n';
  if (const auto done = replace_file_durably(file, text); !done)
    log::warn("machine", "numbers of GPUs cannot be noted", {{"why", done.failure().message}});
}

nvml_answer find_gpus(const fs::path& state, const sources& at) {
  auto found = ask_nvml(at.nvml);
  if (found.gpus.empty())
    return found;
  const auto file = state / "gpu-numbers";
  const auto boot = first_line(at.root / "proc/sys/kernel/random/boot_id");
  auto known = read_numbers(file, boot);
  const auto before = known;
  keep_numbers(found, known);
  if (known != before)
    write_numbers(file, boot, known);
  for (auto& x : found.gpus)
    x.numa_node = numa_node_of(at.root, x.pci);
  return found;
}

} // namespace

discovery discover(const fs::path& state, const std::optional<std::vector<std::uint32_t>>& declared, gpu_claims* claims,
                   const sources& at) {
  auto found = find_gpus(state, at);
  discovery out;
  out.has_gpus = !found.gpus.empty() || !found.unusable.empty() || (declared && !declared->empty());
  auto offer = choose_gpus_to_offer(std::move(found), declared);
  if (claims != nullptr)
    claims->claim(offer);
  out.gpus = std::move(offer.indices);
  out.no_gpus_because = std::move(offer.none_because);
  out.warnings = std::move(offer.warnings);
  out.facts.gpus = std::move(offer.facts);
  out.facts.gpu_links = std::move(offer.links);
  out.facts.gpu_warnings = out.warnings;
  out.facts.numa = numa_nodes(at.root);
  out.facts.labels = labels_of(at.root, out.facts.gpus);
  return out;
}

discovery machine_watch::look() {
  auto out = discover(state_, declared_, claims_ ? &*claims_ : nullptr, at_);
  for (const auto& x : out.warnings)
    if (std::find(said_.begin(), said_.end(), x) == said_.end())
      log::warn("machine", x);
  said_ = out.warnings;
  return out;
}

bool take_machine(discovery found, capabilities& offered) {
  const auto is_same = [](const gpu_facts& a, const gpu_facts& b) { return a.index == b.index && a.uuid == b.uuid; };
  auto& known = offered.machine;
  const bool changes =
      offered.total.gpus != found.gpus || known.gpu_links != found.facts.gpu_links ||
      !std::equal(known.gpus.begin(), known.gpus.end(), found.facts.gpus.begin(), found.facts.gpus.end(), is_same);
  offered.total.gpus = std::move(found.gpus);
  offered.no_gpus_because = std::move(found.no_gpus_because);
  known = std::move(found.facts);
  return changes;
}

} // namespace muster::machine
