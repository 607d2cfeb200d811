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
  return out;
}

void programs::look(const std::string& container, const image_info& image, const std::string& program, taker done) {
  auto places = places_of(program, image.environment);
  if (places.empty() || image.id.empty())
    return done(true);
  const std::pair<std::string, std::string> what{image.id, program};
  if (const auto at = known_.find(what); at != known_.end())
    return done(at->second);
  std::reverse(places.begin(), places.end());
  look_on(std::make_shared<search>(search{container, what, std::move(places), std::move(done)}));
}

void programs::look_on(const std::shared_ptr<search>& x) {
  if (x->places.empty())
    return not_there(x);
  const auto place = std::move(x->places.back());
  x->places.pop_back();
  engine_.has_path(x->container, place, [this, x](const outcome<bool>& found) {
    if (!found)
      return x->done(true); // Nothing was learnt.
    if (*found)
      return settle(*x, true);
    look_on(x);
  });
}

/// Nor is anything in a container that is gone.
void programs::not_there(const std::shared_ptr<search>& x) {
  engine_.inspect_container(x->container, [this, x](const outcome<container_info>& container) {
    if (!container)
      return x->done(true);
    settle(*x, false);
  });
}

void programs::settle(const search& x, bool found) {
  if (known_.size() >= most_known)
    known_.clear();
  known_[x.what] = found;
  x.done(found);
}

} // namespace muster::docker
