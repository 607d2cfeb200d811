#pragma once

#include "muster/spec/flow.hpp"
#include "spec/decode.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace muster::spec {

/// What a text of a step may see of the step itself: `element` its item, `round` its carried values too, `until` the
/// result of its round.
enum class sight : std::uint8_t { outside, element, round, until };

/// What a text speaks of.
enum class mention_kind : std::uint8_t { step, result, parameter, item, index, carry, after, each };

/// One place that names something, to be checked when all names are known.
struct mention {
  mention_kind kind = mention_kind::step;
  std::string path; ///< Without `result:` and the like.
  sight seen = sight::round;
  yaml::mark place;
  std::string field;
};

struct scope_notes;

/// Where the parts of a step stand and what it speaks of; for rules that look at several steps.
struct step_notes {
  yaml::mark start;
  yaml::mark name;
  std::string field;
  std::vector<mention> mentions;
  std::vector<scope_notes> inner;   ///< Its body's scopes.
  std::vector<scope_notes> handler; ///< Its `on_failure`, at most one.
  group_places gang;
};

/// The same for a scope.
struct scope_notes {
  std::shared_ptr<scope> self;
  yaml::mark start;
  std::string field;
  std::vector<step_notes> steps;  ///< As in `self`.
  std::vector<mention> mentions;  ///< Of its `result`.
  std::vector<mention> arguments; ///< Of the values of its parameters, which are made outside of it.
};

/// Names, references, order: everything between steps. Fills in `step::needs`.
void check_flow(scope_notes& root, reporter& report);

/// Reports steps of `x` that wait for each other in a circle; `waits_for` has positions, by position.
void check_circles(const scope_notes& x, const std::vector<std::vector<std::uint32_t>>& waits_for, reporter& report);

} // namespace muster::spec
