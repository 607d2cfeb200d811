#include "executors/docker/removals.hpp"

#include "executors/docker/names.hpp"

#include <algorithm>
#include <utility>

namespace muster::docker {

namespace {

/// How often a container must be missing that a call under way may still make.
constexpr int absences_of_what_may_appear = 4;

} // namespace

removals::removals(loop& on, client& engine, std::string head, std::size_t most_at_once)
    : loop_(on), engine_(engine), head_(std::move(head)), most_(most_at_once) {}

void removals::add(const std::string& name, std::string id, bool may_appear, std::function<void()> done) {
  const auto [at, is_new] = all_.try_emplace(name);
  auto& x = at->second;
  if (x.id.empty())
    x.id = std::move(id);
  if (may_appear)
    x.absences_wanted = absences_of_what_may_appear;
  if (done)
    x.done.push_back(std::move(done));
  if (!is_new)
    return;
  line_.push_back(name);
  serve();
}

void removals::when_gone(const std::string& name, std::function<void()> done) {
  const auto at = all_.find(name);
  if (at == all_.end())
    return done();
  at->second.done.push_back(std::move(done));
}

void removals::wake() {
  for (auto& [name, x] : all_)
    if (x.timer != timer_id::none) {
      loop_.cancel(std::exchange(x.timer, timer_id::none));
      x.pause.reset();
      line_.push_back(name);
    }
  serve();
}

void removals::serve() {
  while (at_work_ < most_ && !line_.empty()) {
    const auto name = std::move(line_.front());
    line_.pop_front();
    ++at_work_;
    begin(name);
  }
}

void removals::begin(const std::string& name) {
  if (all_.at(name).id.empty())
    look(name);
  else
    remove(name);
}

/// Only by its name is it known: it may be somebody else's.
void removals::look(const std::string& name) {
  engine_.inspect_container(name, [this, name](const outcome<container_info>& found) {
    if (found.kind() == failure::not_found)
      return absent(name);
    if (!found)
      return later(name);
    const auto owner = found->labels.find(head_label);
    if (owner == found->labels.end() || owner->second != head_)
      return finish(name);
    all_.at(name).id = found->id;
    remove(name);
  });
}

void removals::remove(const std::string& name) {
  engine_.remove_container(all_.at(name).id, true, [this, name](const outcome<void>& how) {
    if (how || how.kind() == failure::not_found)
      return finish(name);
    later(name);
  });
}

void removals::absent(const std::string& name) {
  if (--all_.at(name).absences_wanted <= 0)
    return finish(name);
  later(name);
}

void removals::finish(const std::string& name) {
  const auto done = std::move(all_.at(name).done);
  all_.erase(name);
  --at_work_;
  for (const auto& x : done)
    x();
  serve();
}

void removals::later(const std::string& name) {
  auto& x = all_.at(name);
  x.timer = loop_.after(x.pause.next(), [this, name] {
    all_.at(name).timer = timer_id::none;
    line_.push_back(name);
    serve();
  });
  --at_work_;
  serve();
}

} // namespace muster::docker
