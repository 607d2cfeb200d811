#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/spec/flow.hpp"
#include "muster/spec/tokens.hpp"
#include "muster/state/status.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Runs a definition of fan-out, nesting, conditions and loops: decides which gang is to be run next and what its tasks
/// see, and what becomes of the steps that never run.
namespace muster::flow {

/// JSON, shared by all who look at it.
using json_text = std::shared_ptr<const std::string>;

/// Where the data of one input lies, by the full names of tasks.
struct input_source {
  std::string task; ///< The one task whose output it is; empty if there are parts.
  /// The sub-folder of the input, and the task whose output it is: `{{input:train}}/3`.
  std::vector<std::pair<std::string, std::string>> parts;
};

/// What the tasks of a gang see.
struct gang_values {
  spec::token_values tokens; ///< `item`, `parameter:x`, `result:a.b`: what to put for them.
  std::vector<std::pair<std::string, std::string>> environment; ///< Weaker than the task's own.
  std::vector<std::pair<std::string, json_text>> results;       ///< Results of upstream steps, by their names.
  /// For each member, for each of its inputs; empty ones are not from tasks of this workflow.
  std::vector<std::vector<input_source>> inputs;
};

/// A gang that was decided on before a restart.
struct recorded_gang {
  group_index index;
  muster::status status = muster::status::waiting;
  std::vector<json_text> results; ///< Of its members; null for none.
  bool is_step = false;           ///< No gang: a step that was recorded because it was not run, see `note`.
};

/// A gang that may begin.
struct gang {
  std::uint32_t id = 0;                ///< The machine's number for it; used again when it has ended.
  std::string name;                    ///< Of the group, unique in the workflow: `train.3-group`.
  std::vector<std::string> tasks;      ///< Full names of its members, `train.3`, in the order of the spec.
  const spec::step* step = nullptr;    ///< Where it stands in the definition; its body is a gang.
  std::optional<group_index> index;    ///< If it was recorded before a restart, and has not ended.
  std::optional<std::string> canceled; ///< Of such a one: it was being cancelled then, and why.
};

/// A step that ended without being run: what to record of it.
struct note {
  std::string name;                     ///< As of a gang.
  std::vector<std::string> tasks;       ///< As of a gang; of a step that is no gang its own name.
  const spec::group* members = nullptr; ///< Null for a step that is no gang.
  muster::status status = muster::status::skipped;
  std::string reason;
};

/// How a gang ended.
struct gang_end {
  muster::status status = muster::status::completed;
  std::vector<json_text> results; ///< Of its members; null for none.
};

/// A step as it stands, for people.
struct step_view {
  std::string path;
  std::string kind; ///< task, group, workflow, branches, switch; element or round.
  muster::status status = muster::status::waiting;
  std::string reason; ///< Why it waits, or what became of it.
  bool is_foreach = false;
  std::uint32_t elements = 0, running = 0, completed = 0, failed = 0, skipped = 0; ///< Of a foreach.
  std::vector<step_view> inner;
};

/// One run of a definition. Pure: the same definition, parameters and ends give the same decisions, so that a restart
/// rebuilds the machine by telling it what was recorded. An element of a `foreach` takes a byte while it waits, and is
/// made when it is asked for.
class machine {
public:
  explicit machine(spec::scope_ptr definition);
  machine(machine&&) noexcept;
  machine& operator=(machine&&) noexcept;
  ~machine();

  /// What was recorded before a restart, by the names of gangs; before the first `next`. Gangs that had ended are not
  /// given again; those that had not come with their index.
  void recall(std::vector<std::pair<std::string, recorded_gang>> recorded);
  /// How many recorded gangs that had begun and not ended were not given yet: ask until it is 0.
  [[nodiscard]] std::size_t to_recall() const noexcept;

  /// How many recorded gangs `next` has not met yet. Such as were canceled before they began may never be met.
  [[nodiscard]] std::size_t to_meet() const noexcept;

  /// The next gang that may begin, or none for now.
  [[nodiscard]] std::optional<gang> next();
  /// What its tasks see. Fails if a token cannot be given a value: the gang is to be ended FAILED with that reason.
  [[nodiscard]] result<gang_values> values_of(std::uint32_t gang) const;
  /// It runs.
  void started(std::uint32_t gang);
  /// It has ended.
  void finished(std::uint32_t gang, gang_end how);
  /// Ends all that has not begun, as FAILED_CANCELED; what has begun is in `take_cancels`.
  void cancel(const std::string& reason);

  /// Gangs that are to be cancelled because of what ended elsewhere (`fail_fast`), and why.
  [[nodiscard]] std::vector<std::pair<std::uint32_t, std::string>> take_cancels();
  /// Steps that ended without being run since the last call.
  [[nodiscard]] std::vector<note> take_notes();

  [[nodiscard]] bool done() const;
  /// PENDING, RUNNING, or how it ended.
  [[nodiscard]] muster::status status() const;
  /// The result of the whole; null for none.
  [[nodiscard]] json_text result_of_all() const;
  /// What `{{result:path}}` would give in the outermost scope. Results that nothing in the definition asks for are not
  /// kept, unless it has a `result`. Fails with `ec::invalid_argument` if there is none.
  [[nodiscard]] result<spec::template_value> result_of(std::string_view path) const;
  /// Steps, by their paths, that are COMPLETED although something in them failed: it was borne, or made good. Kept only
  /// if `track_borne` was called before the first `next`.
  [[nodiscard]] const std::vector<std::string>& borne() const;
  void track_borne();
  /// All that is known of its steps. Elements that wait or have ended are counts.
  [[nodiscard]] std::vector<step_view> view() const;

private:
  std::unique_ptr<class engine> engine_;
};

} // namespace muster::flow
