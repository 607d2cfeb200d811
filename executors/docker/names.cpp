#include "executors/docker/names.hpp"

#include <array>
#include <charconv>
#include <string_view>

namespace muster::docker {

namespace {

std::string group_key(const attempt_spec& spec) {
  return std::to_string(spec.id.workflow.value) + '.' + spec.group;
}

/// 127.0.0.0/8: the address of an attempt that was given none.
constexpr ipv4_address loopback = 127;

/// Reads a number up to `end` (or the text's end, for 0) and drops both; false if there is none.
template <class T>
bool take_number(std::string_view& text, T& to, char end) {
  const auto [at, failed] = std::from_chars(text.data(), text.data() + text.size(), to);
  if (failed != std::errc{})
    return false;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  if (end == 0)
    return text.empty();
  if (text.empty() || text.front() != end)
    return false;
  text.remove_prefix(1);
  return true;
}

} // namespace

std::string container_name(const std::string& head, attempt_id id) {
  return "muster-" + head + '-' + std::to_string(id.workflow.value) + '-' + std::to_string(id.task.value) + '-' +
         std::to_string(id.number);
}

std::optional<attempt_id> attempt_of(const label_map& labels, const std::string& head) {
  const auto owner = labels.find(head_label);
  const auto found = labels.find(attempt_label);
  if (owner == labels.end() || owner->second != head || found == labels.end())
    return std::nullopt;
  std::string_view text = found->second;
  attempt_id out;
  if (!take_number(text, out.workflow.value, '.') || !take_number(text, out.task.value, '.') ||
      !take_number(text, out.number, 0))
    return std::nullopt;
  return out;
}

wanted_network network_of(const attempt_spec& spec, const std::string& head,
                          const std::optional<address_space>& space) {
  const auto address = parse_ipv4(spec.address);
  // One outside of the range is of a time when that was another.
  const bool ours = space && address && (*address >> 24U) != loopback;
  wanted_network out;
  const auto stem = "muster-" + head + '-';
  if (spec.peers.size() < 2) {
    out.shared = true;
    out.group_key = "shared";
    if (ours)
      out.block = shared_block(*space);
    if (out.block && !out.block->contains(*address)) // Given out when other ranges were taken.
      out.block = block_around(*address, out.block->prefix);
    out.name = stem + "shared" + (out.block ? '-' + ipv4_to_text(out.block->base) : std::string{});
    return out;
  }
  out.group_key = group_key(spec);
  if (ours)
    out.block = block_of(*address, static_cast<std::uint32_t>(spec.peers.size()));
  out.name = stem + std::to_string(spec.id.workflow.value) + '-' + spec.group +
             (out.block ? '-' + ipv4_to_text(out.block->base) : std::string{});
  return out;
}

bool is_in_host_network(const attempt_spec& spec, const std::optional<std::string>& node_address) {
  const bool is_gang = spec.peers.size() > 1;
  return spec.task.host_network || (is_gang && node_address && !node_address->empty() && spec.address == *node_address);
}

result<void> check_address(const attempt_spec& spec, const std::optional<std::string>& node_address,
                           const std::optional<address_space>& space) {
  const bool is_alone = spec.peers.size() < 2;
  if (!node_address || spec.address.empty() || (is_alone && spec.task.host_network) ||
      (!is_alone && spec.address == *node_address))
    return {};
  const auto address = parse_ipv4(spec.address);
  if (address && space && space->range.contains(*address))
    return {};
  return {ec::unavailable, "its address " + spec.address + " is none of this node, which has " +
                               (node_address->empty() ? std::string{"none that other nodes reach"} : *node_address) +
                               (space ? " and networks of " + to_text(space->range) : std::string{})};
}

label_map labels_of(const attempt_spec& spec, const std::string& head) {
  return {{head_label, head},
          {attempt_label, to_string(spec.id)},
          {"muster.workflow", spec.workflow_id},
          {"muster.group", spec.group},
          {"muster.task", spec.task.name},
          {"muster.epoch", std::to_string(spec.lease.value)}};
}

} // namespace muster::docker
