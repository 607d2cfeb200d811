#include "actors/pool_setup.hpp"

namespace muster {

agents_setup agents_setup_of(const config::pool_settings& x) {
  using std::chrono::milliseconds;
  agents_setup out;
  out.silence_limit = std::chrono::duration_cast<milliseconds>(x.silence_limit);
  out.lost_after = std::chrono::duration_cast<milliseconds>(x.lost_after);
  out.reschedule_lost = x.on_loss == config::loss_choice::reschedule;
  out.node_labels = x.node_labels;
  return out;
}

} // namespace muster
