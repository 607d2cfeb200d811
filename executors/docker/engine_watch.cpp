#include "executors/docker/engine_watch.hpp"

#include "executors/docker/names.hpp"

#include <utility>

namespace muster::docker {

engine_watch::engine_watch(loop& on, client& engine, std::string head, handlers to)
    : loop_(on), engine_(engine), head_(std::move(head)), to_(std::move(to)) {}

void engine_watch::begin() {
  listen();
}

/// After it was away it may be another version.
void engine_watch::connect() {
  engine_.negotiate([this](const outcome<api_version>& how) {
    if (how)
      listen();
    else
      later();
  });
}

void engine_watch::listen() {
  event_handlers to;
  to.on_open = [this] {
    open_ = true;
    pause_.reset();
    to_.on_open();
  };
  to.on_event = [this](const engine_event& event) { to_.on_hint(event); };
  to.on_end = [this](const outcome<void>&) {
    if (std::exchange(open_, false))
      lost_at_ = std::chrono::system_clock::now();
    later();
  };
  engine_.listen(
      {{"type", {"container"}}, {"event", {"die", "oom", "destroy"}}, {"label", {head_label + ('=' + head_)}}},
      std::nullopt, std::nullopt, std::move(to));
}

void engine_watch::later() {
  loop_.after(pause_.next(), [this] { connect(); });
}

} // namespace muster::docker
