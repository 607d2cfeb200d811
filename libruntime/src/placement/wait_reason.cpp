#include "muster/placement/wait_reason.hpp"

#include "placement/amount_text.hpp"
#include "placement/shortfall.hpp"

#include <algorithm>
#include <utility>

namespace muster {

namespace {

std::string lacks_text(const wait_reason& x) {
  // Only a gang whose members get in each other's way lacks nothing on any node.
  if (x.lacks.empty())
    return std::string{x.ever ? "needs" : "waiting for"} + " nodes with more room for each task";
  std::string text;
  for (const auto& l : x.lacks) {
    const auto total = amount_text(l.what, std::max<std::int64_t>(l.total, 0));
    text += text.empty() ? (x.ever ? "needs " : "waiting for ") : "; ";
    text += amount_of(l.what, l.wanted) + ": ";
    if (x.ever)
      text += "node " + x.node + " has " + total;
    else
      text += amount_text(l.what, std::max<std::int64_t>(l.free, 0)) + " of " + total + " free";
  }
  return x.ever ? text : text + " on node " + x.node;
}

std::string away_text(const wait_reason& x) {
  std::string text;
  for (const auto& [n, what] :
       {std::make_pair(x.nodes_cordoned, "cordoned"), std::make_pair(x.nodes_draining, "draining"),
        std::make_pair(x.nodes_suspect, "cannot be reached"), std::make_pair(x.nodes_lost, "lost")})
    if (n != 0)
      text += (text.empty() ? "" : ", ") + std::to_string(n) + ' ' + what;
  return text;
}

/// Nodes that might have had room, were they not away.
std::string others_away(const wait_reason& x) {
  const auto away = x.ever ? std::string{} : away_text(x);
  return away.empty() ? away : "; of other nodes " + away;
}

std::string resources_text(const wait_reason& x) {
  auto text = lacks_text(x);
  if (x.members == 1)
    return text + others_away(x);
  if (x.together)
    text += ", for " + std::to_string(x.members) + " tasks together";
  else
    text += ", after " + std::to_string(x.members_fit) + " of " + std::to_string(x.members) + " tasks have a place";
  if (x.nodes_isolated > 0)
    text += "; " + std::to_string(x.nodes_isolated) + " of " +
            count_text(static_cast<std::int64_t>(x.nodes_usable), "node") +
            " can share no group with others: tasks there are not reached from elsewhere";
  if (x.nodes_small_network > 0)
    text += ", and the networks of " + std::to_string(x.nodes_small_network) + " are too small for it";
  return text + others_away(x);
}

std::string quota_text(const wait_reason& x) {
  const auto name = x.subject.empty() ? std::string{"the pool"} : "quota " + x.subject;
  if (x.lacks.empty())
    return "waiting behind older groups for GPUs of " + name;
  return "waiting for " + amount_of(x.lacks.front().what, x.lacks.front().wanted) + " of " + name + ": " +
         std::to_string(std::max<std::int64_t>(x.lacks.front().free, 0)) + " of " +
         std::to_string(x.lacks.front().total) + " may still be used";
}

} // namespace

const char* to_string(wait_cause x) noexcept {
  switch (x) {
    case wait_cause::resources: return "resources";
    case wait_cause::topology: return "topology";
    case wait_cause::nodes: return "nodes";
    case wait_cause::parallel: return "parallel";
    case wait_cause::quota: return "quota";
    case wait_cause::preemption: return "preemption";
    case wait_cause::reservation: return "reservation";
    case wait_cause::order: return "order";
  }
  return "";
}

const char* to_string(resource_kind x) noexcept {
  switch (x) {
    case resource_kind::gpu: return "gpu";
    case resource_kind::cpu: return "cpu";
    case resource_kind::memory: return "memory";
    case resource_kind::storage: return "storage";
    case resource_kind::slot: return "slot";
  }
  return "";
}

std::string describe(const resource_request& x) {
  return amount_of(resource_kind::cpu, x.cpu) + ", " + amount_of(resource_kind::gpu, x.gpu) + ", " +
         amount_of(resource_kind::memory, x.memory) + ", " + amount_of(resource_kind::storage, x.storage);
}

std::string text_of(const wait_reason& x) {
  switch (x.cause) {
    case wait_cause::resources: return resources_text(x);
    case wait_cause::topology:
      if (!x.nothing_because.empty())
        return x.nothing_because + others_away(x);
      return std::string{x.ever ? "needs" : "waiting for"} + " room for its tasks within one " + x.subject +
             others_away(x);
    case wait_cause::nodes:
      return x.nothing_because.empty() ? "waiting for a node that takes new tasks: " + away_text(x) : x.nothing_because;
    case wait_cause::parallel:
      return "waiting for others to end: " + std::to_string(x.lacks.front().total - x.lacks.front().free) +
             " of at most " + std::to_string(x.lacks.front().total) + " tasks run in parallel";
    case wait_cause::quota: return quota_text(x);
    case wait_cause::preemption:
      return "waiting for " + count_text(static_cast<std::int64_t>(x.holders.size()), "group") +
             " of low priority to make room";
    case wait_cause::reservation: return "waiting behind older groups: the room that there is is kept for one of them";
    case wait_cause::order: return "waiting behind older groups";
  }
  return {};
}

} // namespace muster
