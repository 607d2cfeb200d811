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
  /// What may be left to another quota: its guarantee, or less if one of its gangs holds GPUs of both kinds and nothing
  /// else would do. Such a gang would else be safe by the first GPU of it that is guaranteed.
  enum class guarantee_use : std::uint8_t { kept, reached_into };

  [[nodiscard]] gangs youngest_first() const;
  [[nodiscard]] gangs by_nodes() const;
  [[nodiscard]] gangs biggest_first(gangs some) const;
  [[nodiscard]] std::unordered_set<gang_key> out_of_reach() const;
  [[nodiscard]] gangs permitted(const gangs& in_order, guarantee_use of_others) const;
  [[nodiscard]] gangs fewest(const gangs& young, guarantee_use of_others);
  [[nodiscard]] gangs fewest_of(const gangs& in_order);
  [[nodiscard]] gangs without_needless(gangs victims);
  [[nodiscard]] gangs on_nodes(const gangs& victims, const node_choice& nodes) const;
  /// Places for the winner if these had ended.
  [[nodiscard]] std::optional<node_choice> fits_without(const gangs& victims, std::size_t count);

  gang_queue::state& queue_;
  queue_line& winner_;
};

} // namespace muster
