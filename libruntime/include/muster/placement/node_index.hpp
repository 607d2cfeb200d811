#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

/// What is free on each node, in an order in which the node that a request fills best is found at once. Numbers only:
/// names, labels and GPU indices are `cluster`'s.
namespace muster {

/// Amounts on one node; GPUs as their count.
struct node_room {
  std::int64_t gpus = 0;
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  std::int64_t storage = 0;
};

/// As large as fits where a sum does not.
[[nodiscard]] node_room plus(const node_room& a, const node_room& b) noexcept;
[[nodiscard]] node_room times(const node_room& a, std::int64_t n) noexcept;
[[nodiscard]] node_room negative(const node_room& a) noexcept;
/// The larger, or smaller, of each amount.
[[nodiscard]] node_room larger(const node_room& a, const node_room& b) noexcept;
[[nodiscard]] node_room smaller(const node_room& a, const node_room& b) noexcept;
/// Every amount of `x` is within `room`.
[[nodiscard]] bool within(const node_room& x, const node_room& room) noexcept;

/// A set of nodes: to go through, and to look one up in.
class node_mask {
public:
  void add(std::uint32_t node);
  [[nodiscard]] bool has(std::uint32_t node) const noexcept {
    return node / 64 < bits_.size() && ((bits_[node / 64] >> (node % 64)) & 1U) != 0;
  }
  [[nodiscard]] const std::vector<std::uint32_t>& nodes() const noexcept { return nodes_; }

private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> nodes_;
};

/// Which nodes a request may use. Null masks allow all.
struct node_filter {
  std::uint32_t platform = 0;         ///< 0 for any; nodes of platform 0 take all.
  const node_mask* allowed = nullptr; ///< By names and labels.
  const node_mask* area = nullptr;    ///< A domain of the topology.
  bool not_isolated = false;          ///< Only those whose tasks others reach.
  std::size_t group_size = 1;         ///< Of a gang that is to be there: isolated nodes may have no network for it.
};

/// How far tasks on a node are reached.
struct node_reach {
  bool isolated = false;        ///< From there alone.
  std::size_t largest_gang = 0; ///< If it is isolated: see `node_state`.
};

/// Free room of nodes. Changes can be tried and taken back.
class node_index {
public:
  /// Sets a node up, or anew. Nodes that take nothing are not found.
  void set(std::uint32_t node, std::uint32_t platform, const node_room& free, bool takes_gangs, node_reach reach = {});
  /// Adds to what is free of a node; what is negative is taken.
  void change(std::uint32_t node, const node_room& by);

  [[nodiscard]] const node_room& free(std::uint32_t node) const noexcept { return nodes_[node].free; }
  [[nodiscard]] bool takes_gangs(std::uint32_t node) const noexcept { return nodes_[node].takes_gangs; }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  /// Whether there is a node that is isolated.
  [[nodiscard]] bool has_isolated() const noexcept { return isolated_ != 0; }
  [[nodiscard]] bool permits(std::uint32_t node, const node_filter& filter) const noexcept;

  /// The node that has room for `x` and is left with the least: fewest GPUs, then CPUs, then memory, then the lowest
  /// position.
  [[nodiscard]] std::optional<std::uint32_t> best(const node_room& x, const node_filter& filter) const;

  /// Calls `f` with every node that takes gangs and may be used.
  template <class Function>
  void each(const node_filter& filter, Function f) const {
    const auto* some = filter.area != nullptr ? filter.area : filter.allowed;
    const auto count = some != nullptr ? some->nodes().size() : nodes_.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto n = some != nullptr ? some->nodes()[i] : static_cast<std::uint32_t>(i);
      if (takes_gangs(n) && permits(n, filter))
        f(n);
    }
  }

  /// Room of all nodes of that platform that take gangs, none below 0.
  [[nodiscard]] node_room sum(std::uint32_t platform) const;
  /// No node of that platform has more of anything; it may be less by now.
  [[nodiscard]] node_room most(std::uint32_t platform);

  /// Changes after this can be taken back by `roll_back`, or kept by `keep`; nests.
  [[nodiscard]] std::size_t mark();
  void roll_back(std::size_t mark);
  void keep(std::size_t mark);

private:
  struct entry {
    node_room free;
    std::uint32_t platform = 0;
    bool takes_gangs = false;
    node_reach reach;
  };
  struct position {
    std::int64_t cpu;
    std::int64_t memory;
    std::uint32_t node;
    friend bool operator<(const position& a, const position& b) noexcept {
      if (a.cpu != b.cpu)
        return a.cpu < b.cpu;
      return a.memory != b.memory ? a.memory < b.memory : a.node < b.node;
    }
  };
  using bucket = std::set<position>;
  /// Nodes of one platform, by free GPUs.
  struct shelf {
    std::vector<bucket> by_gpus;
    node_room sum;
    node_room most;
  };

  [[nodiscard]] bucket& bucket_of(const entry& x);
  void count(const entry& x, std::int64_t sign);
  void move(std::uint32_t number, const node_room& to);
  void measure();
  void search(const shelf& s, const node_room& x, const node_filter& filter, std::optional<std::uint32_t>& found) const;
  [[nodiscard]] bool better(std::uint32_t a, std::uint32_t b) const noexcept;

  std::vector<entry> nodes_;
  std::vector<shelf> shelves_; ///< By platform.
  std::vector<std::pair<std::uint32_t, node_room>> journal_;
  std::size_t trials_ = 0;
  std::size_t isolated_ = 0; ///< Nodes that are.
  std::size_t moves_ = 0;    ///< Since `most` of the shelves was exact.
};

} // namespace muster
