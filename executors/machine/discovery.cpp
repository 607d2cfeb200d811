#include "executors/machine/discovery.hpp"

#include "executors/machine/gpu_offer.hpp"
#include "executors/machine/topology.hpp"
#include "executors/process/posix.hpp"
#include "muster/base/durable_file.hpp"
#include "muster/base/log.hpp"

#include <sstream>
#include <utility>

namespace muster::machine {

namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  const auto text = process::read_small_file(file.c_str());
  return text.substr(0, text.find('\n'));
}

/// The numbers that were given out since the machine was started: what holds one cannot be older than that.
gpu_numbers read_numbers(const fs::path& file, const std::string& boot) {
  gpu_numbers out;
  std::istringstream lines{process::read_small_file(file.c_str())};
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

discovery discover(const fs::path& state, const std::optional<std::vector<std::uint32_t>>& declared,
                   const sources& at) {
  auto found = find_gpus(state, at);
  discovery out;
  out.has_gpus = !found.gpus.empty() || !found.unusable.empty() || (declared && !declared->empty());
  auto offer = choose_gpus_to_offer(std::move(found), declared);
  for (const auto& x : offer.warnings)
    log::warn("machine", x);
  out.gpus = std::move(offer.indices);
  out.no_gpus_because = std::move(offer.none_because);
  out.facts.gpus = std::move(offer.facts);
  out.facts.gpu_links = std::move(offer.links);
  out.facts.numa = numa_nodes(at.root);
  out.facts.labels = labels_of(at.root, out.facts.gpus);
  return out;
}

} // namespace muster::machine
