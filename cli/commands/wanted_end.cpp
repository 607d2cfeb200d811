#include "cli/commands/wanted_end.hpp"

#include <utility>

namespace muster::cli {

wanted_end::wanted_end(ask to_cancel, tell note) : ask_(std::move(to_cancel)), note_(std::move(note)) {}

void wanted_end::want(std::string message, bool force) {
  if (open_ && open_->force && !force)
    return;
  open_ = request{std::move(message), force};
  go_on();
}

void wanted_end::go_on() {
  constexpr auto interval = std::chrono::seconds(1);
  if (!open_ || std::chrono::steady_clock::now() < open_->next)
    return;
  const auto refused = ask_(open_->message, open_->force);
  if (refused && !refused->why.empty() && !std::exchange(open_->told, true))
    note_("cannot cancel: " + refused->why + (refused->final ? "" : "; trying again"));
  open_->next = std::chrono::steady_clock::now() + interval;
  if (!refused || refused->final)
    open_.reset();
}

} // namespace muster::cli
