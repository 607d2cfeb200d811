#include "executors/process/command_memo.hpp"

namespace muster::process {

namespace {

constexpr std::size_t most_known = 64;

} // namespace

found_command command_memo::find(const std::string& name, const std::string& path, time_point now) {
  const std::pair key{name, path};
  const auto at = known_.find(key);
  if (at != known_.end() && now - at->second.found < age)
    return {at->second.program, 0, {}};
  auto out = find_command(name, path);
  if (out.refuse_code != 0) {
    known_.erase(key);
    return out;
  }
  if (at == known_.end() && known_.size() >= most_known)
    known_.clear();
  known_[key] = {out.program, now};
  return out;
}

} // namespace muster::process
