#pragma once

#include "muster/placement/node_index.hpp"
#include "muster/placement/placement.hpp"
#include "muster/placement/prepared_gang.hpp"
#include "muster/placement/wait_reason.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace muster {

/// The nodes of a pool, who may use them, and what is free. The same nodes, gangs and calls in the same order always
/// give the same places.
class cluster {
public:
  /// `keys` are the topology's, the coarsest first.
  explicit cluster(std::vector<topology_key> keys = {});

  /// A node joins, or is there again under its name: then capacity, labels and condition are taken over, and what is
  /// held there stays held. Its position.
  std::uint32_t join(node_state node);
  void set_condition(std::uint32_t node, node_condition x);
  /// Takes every node for at least as large as this; which ones were not.
  std::vector<std::uint32_t> widen(const node_amounts& at_least);
  /// Other keys from now on. Gangs that were prepared before are to be prepared anew.
  void set_topology(std::vector<topology_key> keys);
  /// Forgets a node that is `gone`; nobody may hold a place there.
  void forget(std::uint32_t node);
  [[nodiscard]] std::optional<std::uint32_t> find(const std::string& name) const;
  /// By position. Those that were forgotten have no name.
  [[nodiscard]] const std::vector<node_state>& nodes() const noexcept { return nodes_; }

  [[nodiscard]] prepared_gang prepare(gang who, placement_strategy strategy = placement_strategy::pack,
                                      std::uint32_t group_size = 0);

  /// False when the gang certainly has no place now; cheap.
  [[nodiscard]] bool could_fit(const prepared_gang& x);
  /// Takes a place for every member, if there are places for all.
  [[nodiscard]] std::optional<assignment> place(prepared_gang& x);
  /// Books places. They need not be free (a gang that runs already is booked whatever is).
  void take(const gang& who, const assignment& where);
  /// The inverse.
  void give_back(const gang& who, const assignment& where);

  /// Why there is no place now; nothing if there is.
  [[nodiscard]] std::optional<wait_reason> why_not(prepared_gang& x);
  /// Why there would be none even if all nodes were empty and ready, in words; nothing if there would. Also refuses
  /// what asks for no CPU, memory or storage, or for less than no GPU.
  [[nodiscard]] std::optional<std::string> never_fits(prepared_gang& x);
  /// Why it would not fit whatever nodes there were; nothing if that is not so.
  [[nodiscard]] static std::optional<std::string> ruled_out(const prepared_gang& x);
  /// What the nodes lack for it, were they empty; nothing if it would fit.
  [[nodiscard]] std::optional<wait_reason> lacks_nodes(prepared_gang& x);

  /// What is free. What is tried on it is to be taken back.
  [[nodiscard]] node_index& free() noexcept { return free_; }
  /// Takes a node's room for every member, in `free()` alone. A gang that has a node for each is settled or taken back.
  [[nodiscard]] std::optional<node_choice> choose(prepared_gang& x);
  /// Gives the members of a gang, whose room `choose` took, their GPUs.
  [[nodiscard]] assignment settle(const prepared_gang& x, const node_choice& nodes);
  /// Frees in `free()` alone what a gang holds.
  void vacate(const gang& who, const assignment& where);
  /// What is free of a node as far as places are held.
  [[nodiscard]] node_room room(std::uint32_t node) const;
  /// Some member may use this node, which has room for it as far as places are held.
  [[nodiscard]] bool has_room(const prepared_gang& x, std::uint32_t node) const;

private:
  /// What `nodes_` does not say of a node.
  struct holdings {
    std::uint32_t platform = 0;
    std::vector<std::uint32_t> gpus; ///< Held; one that was restored for two gangs is here twice.
  };

  [[nodiscard]] std::uint32_t platform_number(const std::string& name);
  void set_up(std::uint32_t node);
  void count_free_gpus(std::uint32_t node);
  void nodes_changed();
  [[nodiscard]] const std::vector<std::vector<node_mask>>& domains();
  void bring_up_to_date(prepared_gang& x);
  void forget_unused_masks();
  [[nodiscard]] std::shared_ptr<const node_mask> allowed_for(const resource_request& x);
  void hold(std::uint32_t node, const resource_request& x, const std::vector<std::uint32_t>& gpus);
  std::int64_t release(std::uint32_t node, const resource_request& x, const std::vector<std::uint32_t>& gpus);

  std::vector<topology_key> keys_;
  std::vector<node_state> nodes_;
  std::vector<holdings> held_; ///< By position as well.
  std::unordered_map<std::string, std::uint32_t> by_name_;
  std::vector<std::uint32_t> unused_; ///< Positions of those that were forgotten.
  std::vector<std::string> platforms_{""};
  node_index free_;
  node_index empty_;                                                      ///< As if nobody held a place.
  std::vector<std::vector<node_mask>> domains_;                           ///< By key.
  std::uint64_t domains_of_ = 0;                                          ///< The set of nodes that they are of.
  std::unordered_map<std::string, std::weak_ptr<const node_mask>> masks_; ///< By what they were made from.
  std::size_t masks_kept_ = 64;  ///< Before those that nobody uses are looked for.
  std::uint64_t generation_ = 1; ///< Of the set of nodes.
};

} // namespace muster
