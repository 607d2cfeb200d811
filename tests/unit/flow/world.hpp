#pragma once

#include "muster/flow/machine.hpp"
#include "muster/spec/expression.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace muster::test {

/// A task that stands alone, as the decoder gives it.
spec::step task_step(const std::string& name, std::vector<std::string> needs = {});
/// A step around a nested workflow.
spec::step workflow_step(const std::string& name, spec::scope inner);
spec::foreach range(std::int64_t from, std::int64_t to);
spec::scope_ptr scope_of(std::vector<spec::step> steps);
/// A value from JSON.
spec::template_value json(const std::string& text);
flow::json_text text_of(const std::string& json);

/// Runs a machine to its end, one gang at a time: what each ends with is asked of `decide`.
class flow_world {
public:
  struct outcome {
    muster::status status = status::completed;
    std::string result; ///< JSON; empty for none.
  };
  using decider = std::function<outcome(const flow::gang&, const flow::gang_values&)>;

  /// Without `decide` all complete, without a result.
  explicit flow_world(spec::scope_ptr definition, decider decide = {});

  /// Takes at most `window` gangs at a time, and ends them in an order that `seed` decides; 0 for first in, first out.
  void run(std::size_t window = 1000, std::uint32_t seed = 0);
  /// Ends at most `count` gangs, then stops: the rest stays as it is.
  void run_some(std::size_t count, std::size_t window, std::uint32_t seed);
  /// What a runtime would have recorded by now.
  [[nodiscard]] std::vector<std::pair<std::string, flow::recorded_gang>> recorded() const;

  flow::machine machine;
  std::vector<std::string> begun; ///< First tasks of the gangs, in their order.
  std::map<std::string, muster::status> ends;
  std::map<std::string, std::string> reasons; ///< Of those that were not run.
  std::map<std::string, flow::gang_values> values;
  std::map<std::string, std::string> problems; ///< Of gangs without values.
  std::size_t most_at_once = 0;

private:
  void take(std::size_t window);
  void finish(std::size_t which);
  void note_ends();
  void end_canceled(std::uint32_t gang);

  decider decide_;
  std::deque<flow::gang> open_;
  std::map<std::string, flow::recorded_gang> records_;
  std::mt19937 random_;
  std::uint32_t indices_ = 0;
};

} // namespace muster::test
