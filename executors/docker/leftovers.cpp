#include "executors/docker/driver_core.hpp"
#include "executors/docker/names.hpp"

#include <charconv>
#include <unordered_set>
#include <utility>

// What earlier runtimes left behind, of workflows that nobody takes up again.
namespace muster::docker {

namespace {

/// Containers that one start of Muster removes at most: the next one goes on.
constexpr std::size_t most_at_once = 100;

/// The workflow of a network, by its label; nothing if it is the one that tasks alone share.
std::optional<workflow_key> workflow_of(const network_info& x) {
  const auto owner = x.labels.find(group_key_label);
  if (owner == x.labels.end())
    return std::nullopt;
  const auto& text = owner->second;
  workflow_key out;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out.value);
  const bool is_key = failed == std::errc{} && end != text.data() + text.size() && *end == '.';
  return is_key ? std::optional{out} : std::nullopt;
}

} // namespace

/// One call of `clean_up`.
struct driver_core::cleaning {
  leftover_judge is_over;
  std::vector<network_info> networks;
  std::vector<container_summary> containers; ///< That are over.
  std::unordered_set<std::string> names;     ///< Of networks that are over.
  std::size_t open = 0;                      ///< Containers that are still to be removed.
};

void driver_core::clean_up(leftover_judge is_over) {
  const auto x = std::make_shared<cleaning>();
  x->is_over = std::move(is_over);
  engine_.list_networks({{"label", {head_label + ('=' + config_.head)}}},
                        [this, x](outcome<std::vector<network_info>> all) {
                          if (!all) // It is tried again by the next runtime.
                            return;
                          x->networks = *std::move(all);
                          list_leftovers(x);
                        });
}

void driver_core::list_leftovers(const std::shared_ptr<cleaning>& x) {
  engine_.list_containers({{"label", {head_label + ('=' + config_.head)}}},
                          [this, x](const outcome<std::vector<container_summary>>& all) {
                            if (all && !(all->empty() && x->networks.empty()))
                              judge_leftovers(x, *all);
                          });
}

/// On the thread for files: the judge may block.
void driver_core::judge_leftovers(const std::shared_ptr<cleaning>& x,
                                  const std::vector<container_summary>& containers) {
  files_([this, x, containers] {
    bool all_are_over = true;
    for (const auto& found : containers) {
      const auto id = attempt_of(found.labels, config_.head);
      const bool is_over = id && x->is_over.attempt(*id);
      if (is_over && x->containers.size() < most_at_once)
        x->containers.push_back(found);
      else
        all_are_over = false;
    }
    for (const auto& found : x->networks)
      if (const auto owner = workflow_of(found); owner ? x->is_over.workflow(*owner) : all_are_over)
        x->names.insert(found.name);
    loop_.post([this, x] { remove_leftovers(x); });
  });
}

void driver_core::remove_leftovers(const std::shared_ptr<cleaning>& x) {
  const auto remove_networks = [this, x] {
    networks_.remove_leftovers([x](const network_info& found) { return x->names.count(found.name) != 0; });
  };
  for (const auto& found : x->containers)
    if (const auto id = attempt_of(found.labels, config_.head); id && !find(*id)) {
      ++x->open;
      removals_.add(found.name, found.id, false, [x, remove_networks] {
        if (--x->open == 0 && !x->names.empty())
          remove_networks();
      });
    }
  if (x->open == 0 && !x->names.empty())
    remove_networks();
}

} // namespace muster::docker
