#include "muster/flow/retry.hpp"

#include "flow/layout.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_set>

namespace muster::flow {

namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const auto dot = std::min(path.find('.', at), path.size());
    parts.emplace_back(path.substr(at, dot - at));
    at = dot + 1;
  }
  return parts;
}

bool is_number(const std::string& x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The innermost element of a `foreach` that a path leads to or through; empty for none. The definition does not tell
/// how many there are.
std::string element_of(const std::string& path) {
  std::string so_far;
  std::string out;
  for (const auto& part : split(path)) {
    so_far += (so_far.empty() ? "" : ".") + part;
    if (is_number(part))
      out = so_far;
  }
  return out;
}

/// Whether the gang `name` is the step at one of `paths`, or in it.
bool is_below_any(const std::string& name, const std::unordered_set<std::string>& paths) {
  constexpr std::string_view suffix = "-group";
  const bool plain =
      name.size() > suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
  if (paths.count(name) > 0 || (plain && paths.count(name.substr(0, name.size() - suffix.size())) > 0))
    return true;
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
    if (paths.count(name.substr(0, dot)) > 0)
      return true;
  return false;
}

/// Gangs that the replay may begin besides those that were recorded: of a `foreach` of millions that was cancelled at
/// its start, the rest says nothing.
std::size_t most_fresh(std::size_t recorded) {
  constexpr std::size_t some = 200'000;
  return some + 4 * recorded;
}

/// The scope inside `x` that the next name of a path leads to; null if there is none. May take a name off `at`.
const spec::scope* descend(const spec::step& x, const std::vector<std::string>& path, std::size_t& at) {
  if (at < path.size() && path[at] == "on_failure" && x.on_failure) {
    ++at;
    return x.on_failure.get();
  }
  if (const auto* inner = std::get_if<spec::scope_ptr>(&x.body))
    return inner->get();
  if (at >= path.size())
    return nullptr;
  const auto find = [&](const auto& named) -> const spec::scope* {
    for (const auto& [name, scope] : named)
      if (name == path[at]) {
        ++at;
        return scope.get();
      }
    return nullptr;
  };
  if (const auto* branches = std::get_if<spec::branches_body>(&x.body))
    return find(branches->branches);
  if (const auto* choice = std::get_if<spec::switch_body>(&x.body)) {
    if (path[at] == "default" && choice->otherwise) {
      ++at;
      return choice->otherwise.get();
    }
    return find(choice->cases);
  }
  return nullptr;
}

/// Paths of the step `from` and of all that depends on it, at every level around it.
class closure {
public:
  explicit closure(const spec::scope& root) : root_(root), layouts_(root) {}

  result<std::vector<std::string>> of(const std::string& from) {
    const auto path = split(from);
    const spec::scope* scope = &root_;
    std::string around; // Path of `scope`, with a dot at its end.
    for (std::size_t at = 0;;) {
      if (scope == nullptr || at >= path.size())
        return unknown(from);
      const auto& names = layouts_.of(*scope).by_name;
      const auto found = names.find(path[at]);
      if (found == names.end())
        return unknown(from);
      const auto& step = scope->steps[found->second];
      add_dependents(*scope, found->second, around);
      auto own = around + step.name;
      ++at;
      while (at < path.size() && is_number(path[at]))
        own += "." + path[at++];
      if (at >= path.size()) {
        out_.push_back(own);
        return std::move(out_);
      }
      const auto before = at;
      scope = descend(step, path, at);
      around = own + (at > before ? "." + path[before] : "") + ".";
    }
  }

private:
  static error unknown(const std::string& from) {
    return {ec::not_found, "there is no step " + from + "; `muster show` has their names"};
  }

  void add_dependents(const spec::scope& scope, std::uint32_t first, const std::string& around) {
    const auto& steps = layouts_.of(scope).steps;
    std::set<std::uint32_t> seen{first};
    std::vector<std::uint32_t> open{first};
    while (!open.empty()) {
      const auto next = open.back();
      open.pop_back();
      for (const auto d : steps[next].waited_by)
        if (seen.insert(d).second) {
          out_.push_back(around + scope.steps[d].name);
          open.push_back(d);
        }
    }
  }

  const spec::scope& root_;
  layouts layouts_;
  std::vector<std::string> out_;
};

} // namespace

result<std::vector<std::size_t>> gangs_to_retry(const spec::scope_ptr& definition,
                                                const std::vector<std::pair<std::string, recorded_gang>>& recorded,
                                                const std::string& from) {
  std::vector<std::string> again;
  if (!from.empty()) {
    auto found = closure{*definition}.of(from);
    if (!found)
      return found.failure();
    again = std::move(*found);
    const auto element = element_of(from);
    if (!element.empty() &&
        std::none_of(recorded.begin(), recorded.end(), [&](const auto& x) { return is_below_any(x.first, {element}); }))
      return error{ec::not_found, "nothing ran of " + element + "; `muster show` has the names of what did"};
  }
  machine replay{definition};
  replay.track_borne();
  replay.recall(recorded);
  for (std::size_t fresh = 0; fresh < most_fresh(recorded.size()) && replay.next();)
    ++fresh;
  const std::unordered_set<std::string> chosen(again.begin(), again.end());
  const std::unordered_set<std::string> borne(replay.borne().begin(), replay.borne().end());
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    const auto& [name, gang] = recorded[i];
    if (is_below_any(name, chosen) || (gang.status != status::completed && !is_below_any(name, borne)))
      out.push_back(i);
  }
  return out;
}

} // namespace muster::flow
