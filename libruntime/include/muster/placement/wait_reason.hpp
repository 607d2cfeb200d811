#pragma once

#include "muster/placement/queue_policy.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster {

/// What a gang waits for in the first place.
enum class wait_cause : std::uint8_t {
  resources = 1, ///< Nodes that it may use have no room.
  topology,      ///< No single domain has room.
  nodes,         ///< The nodes that it may use take nothing now.
  parallel,      ///< As many tasks as may run in parallel do.
  quota,         ///< GPUs of its quota.
  preemption,    ///< Others are ending to make room; the places are its own.
  reservation,   ///< There is room, kept for one that came first.
  order,         ///< There is room; it is about to have it.
};

/// `resources`, `topology`, ...
[[nodiscard]] const char* to_string(wait_cause x) noexcept;

enum class resource_kind : std::uint8_t {
  gpu = 1,
  cpu,
  memory,
  storage,
  slot, ///< Of those that may run in parallel.
};

/// `gpu`, `cpu`, ...
[[nodiscard]] const char* to_string(resource_kind x) noexcept;

/// A resource that there is too little of. Bytes for memory and storage.
struct resource_lack {
  resource_kind what = resource_kind::cpu;
  std::int64_t wanted = 0;
  std::int64_t free = 0;
  std::int64_t total = 0;
};

/// Why a gang waits, or would wait for ever.
struct wait_reason {
  wait_cause cause = wait_cause::resources;
  bool ever = false; ///< It is about whole nodes, all empty: the gang never fits.

  std::vector<resource_lack> lacks; ///< On `node`. For `quota` and `parallel` what those have left.
  std::string node;                 ///< The one that lacks least, beside those that its first members fill.
  std::string subject;              ///< The topology key, the quota, or the platform that no node is of.
  std::string nothing_because;      ///< Why no node can be used at all, in words.
  std::size_t members = 1;          ///< Of the gang.
  std::size_t members_fit = 0;      ///< That would have a place now.
  bool together = false;            ///< `lacks` is about all members, as one node must have room for all of them.

  std::size_t nodes_usable = 0;        ///< That it may use and that take gangs.
  std::size_t nodes_short = 0;         ///< Of those, without room for one more member.
  std::size_t nodes_isolated = 0;      ///< Of those, that may not share a gang with others; 0 for a task alone.
  std::size_t nodes_small_network = 0; ///< Of the isolated, those that have no network for so many members.
  std::size_t nodes_cordoned = 0;
  std::size_t nodes_draining = 0;
  std::size_t nodes_suspect = 0;
  std::size_t nodes_lost = 0;

  std::size_t position = 0;      ///< 1 for the one that is tried first.
  std::size_t waiting = 0;       ///< How many wait.
  std::optional<gang_key> ahead; ///< The gang that its place is kept for.
  std::vector<gang_key> holders; ///< Who hold what it waits for, or end for it; at most eight.
};

/// For people: "waiting for 2 CPUs: 1 of 4 free on node local".
[[nodiscard]] std::string text_of(const wait_reason& x);

} // namespace muster
