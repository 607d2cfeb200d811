#include "executors/docker/programs.hpp"

#include <algorithm>

namespace muster::docker {

namespace {

constexpr std::size_t most_known = 4096;
/// What the Engine sets where an image does not.
constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

} // namespace

std::vector<std::string> places_of(const std::string& program, const std::vector<std::string>& environment) {
  if (program.empty() || program.find("{{") != std::string::npos)
    return {};
  if (program.front() == '/')
    return {program};
  if (program.find('/') != std::string::npos) // From the working folder, wherever that leads.
    return {};
  std::string_view path = default_path;
  constexpr std::string_view name = "PATH=";
  for (const auto& x : environment)
    if (std::string_view{x}.substr(0, name.size()) == name)
      path = std::string_view{x}.substr(name.size());
  std::vector<std::string> out;
  while (!path.empty()) {
    const auto end = std::min(path.find(':'), path.size());
    if (end == 0 || path.front() != '/')
      return {};
    out.push_back(std::string{path.substr(0, end)} + '/' + program);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  // Which of them it is does not matter.
  std::stable_partition(out.begin(), out.end(), [](const auto& place) {
    return place.rfind("/bin/", 0) == 0 || place.rfind("/usr/bin/", 0) == 0;
  });
  return out;
}

void programs::look(const std::string& container, const image_info& image, const std::string& program, taker done) {
  auto places = places_of(program, image.environment);
  if (places.empty() || image.id.empty())
    return done(true);
  const question what{image.id, program};
  if (const auto at = known_.find(what); at != known_.end())
    return done(at->second);
  std::reverse(places.begin(), places.end());
  waiter who{container, std::move(places), std::move(done)};
  const auto [line, is_first] = waiting_.try_emplace(what);
  if (!is_first) {
    line->second.push_back(std::move(who));
    return;
  }
  look_on(std::make_shared<search>(search{what, std::move(who)}));
}

void programs::look_on(const std::shared_ptr<search>& x) {
  auto& places = x->who.places;
  if (places.empty())
    return not_there(x);
  const auto place = std::move(places.back());
  places.pop_back();
  engine_.has_path(x->who.container, place, [this, x](const outcome<bool>& found) {
    if (!found)
      return give_up(*x);
    if (*found)
      return settle(*x, true);
    look_on(x);
  });
}

/// Nor is anything in a container that is gone.
void programs::not_there(const std::shared_ptr<search>& x) {
  engine_.inspect_container(x->who.container, [this, x](const outcome<container_info>& container) {
    if (!container)
      return give_up(*x);
    settle(*x, false);
  });
}

void programs::settle(const search& x, bool found) {
  if (known_.size() >= most_known)
    known_.clear();
  known_[x.what] = found;
  const auto line = waiting_.extract(x.what);
  x.who.done(found);
  for (const auto& who : line.mapped())
    who.done(found);
}

/// Nothing was learnt: the next one looks by its own container.
void programs::give_up(const search& x) {
  auto& line = waiting_[x.what];
  if (line.empty()) {
    waiting_.erase(x.what);
  } else {
    auto next = std::move(line.front());
    line.erase(line.begin());
    look_on(std::make_shared<search>(search{x.what, std::move(next)}));
  }
  x.who.done(true);
}

} // namespace muster::docker
