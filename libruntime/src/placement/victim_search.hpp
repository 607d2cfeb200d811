#pragma once

#include "placement/gang_queue_state.hpp"

#include <unordered_set>

namespace muster {

/// Which gangs of LOW priority would have to end so that the front of a line has places. Changes nothing. Private to
/// placement.
class victim_search {
public:
  victim_search(gang_queue::state& queue, queue_line& winner) : queue_(queue), winner_(winner) {}

  /// Few, young ones; none if nothing would do, or nothing is needed.
  [[nodiscard]] std::vector<gang_key> run();

private:
  using gangs = std::vector<gang_key>;

  [[nodiscard]] gangs youngest_first() const;
  [[nodiscard]] gangs by_nodes() const;
  [[nodiscard]] gangs biggest_first(gangs some) const;
  [[nodiscard]] std::unordered_set<gang_key> out_of_reach() const;
  [[nodiscard]] gangs permitted(const gangs& in_order) const;
  [[nodiscard]] gangs fewest_of(const gangs& in_order);
  [[nodiscard]] gangs without_needless(gangs victims);
  [[nodiscard]] gangs on_nodes(const gangs& victims, const node_choice& nodes) const;
  /// Places for the winner if these had ended.
  [[nodiscard]] std::optional<node_choice> fits_without(const gangs& victims, std::size_t count);

  gang_queue::state& queue_;
  queue_line& winner_;
};

} // namespace muster
