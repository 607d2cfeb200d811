#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace muster::docker {

/// Lets only so many things be under way at once. Who waits is served group by group in turn, and within a group in the
/// order of coming: a large group does not hold up a small one.
class start_gate {
public:
  using ticket = std::size_t;

  explicit start_gate(std::size_t most) : most_(most == 0 ? 1 : most) {}

  /// Calls `go` when there is room, perhaps at once; whoever was let in must `leave`. The ticket for `withdraw`.
  ticket enter(const std::string& group, std::function<void()> go) {
    const auto mine = ++last_;
    const auto [line, is_new] = lines_.try_emplace(group);
    if (is_new)
      turns_.push_back(group);
    line->second.emplace_back(mine, std::move(go));
    serve();
    return mine;
  }

  /// Takes back one that still waits; false if it was let in already.
  bool withdraw(const std::string& group, ticket which) {
    const auto found = lines_.find(group);
    if (found == lines_.end())
      return false;
    for (auto it = found->second.begin(); it != found->second.end(); ++it)
      if (it->first == which) {
        found->second.erase(it); // Its group keeps its turn, for nothing at worst.
        return true;
      }
    return false;
  }

  void leave() {
    --inside_;
    serve();
  }

  [[nodiscard]] std::size_t inside() const noexcept { return inside_; }

private:
  void serve() {
    while (inside_ < most_ && !turns_.empty()) {
      const auto group = std::move(turns_.front());
      turns_.pop_front();
      const auto found = lines_.find(group);
      if (found->second.empty()) {
        lines_.erase(found);
        continue;
      }
      auto go = std::move(found->second.front().second);
      found->second.pop_front();
      if (found->second.empty())
        lines_.erase(found);
      else
        turns_.push_back(group);
      ++inside_;
      go();
    }
  }

  std::size_t most_;
  std::size_t inside_ = 0;
  ticket last_ = 0;
  std::map<std::string, std::deque<std::pair<ticket, std::function<void()>>>> lines_;
  std::deque<std::string> turns_; ///< The keys of `lines_`, each once.
};

} // namespace muster::docker
