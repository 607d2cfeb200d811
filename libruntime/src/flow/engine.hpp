#pragma once

#include "flow/layout.hpp"

#include "muster/flow/items.hpp"
#include "muster/flow/machine.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

/// The tree behind `machine`. Private to flow.
namespace muster::flow {

using spec::template_dict;
using spec::template_value;

using node_id = std::uint32_t;
constexpr node_id no_node = 0xffffffff;

/// A result as its text, and parsed once somebody looks into it.
class held_result {
public:
  explicit held_result(json_text text) : text_(std::move(text)) {}
  [[nodiscard]] const json_text& text() const noexcept { return text_; }
  /// Fails if the text is no JSON.
  [[nodiscard]] result<template_value> value() const;

private:
  json_text text_;
  mutable std::optional<template_value> parsed_;
};
using held_ptr = std::shared_ptr<const held_result>;

enum class stage : std::uint8_t {
  waiting, ///< Others have to end first.
  open,    ///< Begun: it or something in it may run.
  ended,
};

/// A scope that has begun.
struct scope_part {
  const spec::scope* source = nullptr;
  std::vector<node_id> steps; ///< In declared order.
  std::uint32_t open_steps = 0;
  std::map<std::string, template_value> parameters;
};

/// The elements of a `foreach`.
struct fan_part {
  item_list items;
  std::uint32_t count = 0;
  std::uint32_t next = 0;   ///< The first that was not begun, if no other step decides the order.
  std::uint32_t active = 0; ///< Begun, and not ended.
  std::uint32_t ended = 0;
  std::vector<status> states;
  std::vector<json_text> results;       ///< Empty until the first comes.
  std::vector<std::uint32_t> rounds;    ///< Of elements that repeat: the last one of each.
  std::optional<std::uint32_t> failure; ///< The first element that failed, by number.
  std::string failure_reason;
  std::uint32_t failures = 0, completed = 0, skipped = 0;
  node_id source = no_node;           ///< With `each`: the step whose elements this one follows.
  std::deque<std::uint32_t> released; ///< With `each`: those whose element there has ended.
  bool stopping = false;              ///< No further element begins.
  bool queued = false;                ///< Among the fans that may begin an element.
};

/// A step of a scope that has begun.
struct step_part {
  std::unique_ptr<fan_part> fan;
  node_id run = no_node;                ///< Without `foreach`: its one run.
  node_id handler = no_node;            ///< The scope of `on_failure`.
  status failure = status::unspecified; ///< While the handler runs: how the step itself ended.
  std::string failure_reason;
};

/// One run of a step's body: of the step, of an element of it, or of a round.
struct run_part {
  std::uint32_t element = 0;
  std::optional<template_value> item;
  std::int64_t index = -1;             ///< Of the element or round; -1 for none.
  std::optional<template_value> carry; ///< A dict, in rounds and what holds them.
  bool is_element = false;
  bool holds_rounds = false;
  node_id round = no_node;
  std::vector<node_id> scopes; ///< Of a body that is no gang, in declared order.
  std::uint32_t open_scopes = 0;
  bool given = false; ///< A gang that `next` has returned.
};

struct node {
  node_id parent = no_node;
  flow::stage stage = flow::stage::waiting;
  muster::status status = muster::status::waiting;
  bool stopping = false;            ///< Being cancelled: nothing further begins in it.
  const spec::step* step = nullptr; ///< Of steps and runs.
  std::string label;                ///< What it adds to the path of its parent; empty for nothing.
  std::string reason;
  held_ptr result;
  std::variant<scope_part, step_part, run_part> part;
};

class engine {
public:
  explicit engine(spec::scope_ptr definition);

  // -- what `machine` offers
  void recall(std::vector<std::pair<std::string, recorded_gang>> recorded);
  [[nodiscard]] std::size_t to_recall() const noexcept { return to_recall_; }
  [[nodiscard]] std::size_t to_meet() const noexcept { return to_meet_; }
  [[nodiscard]] std::optional<gang> next();
  [[nodiscard]] result<gang_values> values_of(node_id id) const;
  void started(node_id id);
  void finished(node_id id, gang_end how);
  void cancel(const std::string& reason);
  [[nodiscard]] std::vector<std::pair<std::uint32_t, std::string>> take_cancels();
  [[nodiscard]] std::vector<note> take_notes();
  [[nodiscard]] bool done() const { return nodes_[root_].stage == stage::ended; }
  [[nodiscard]] muster::status status() const;
  [[nodiscard]] json_text result_of_all() const;
  [[nodiscard]] result<template_value> result_of(std::string_view path) const;
  [[nodiscard]] std::vector<step_view> view() const;
  [[nodiscard]] const std::vector<std::string>& borne() const noexcept { return borne_; }
  void track_borne() noexcept { tracks_borne_ = true; }

private:
  // -- nodes (engine.cpp)
  [[nodiscard]] node_id make(node_id parent, decltype(node::part) part);
  void discard(node_id id);
  [[nodiscard]] node& at(node_id id) { return nodes_[id]; }
  [[nodiscard]] const node& at(node_id id) const { return nodes_[id]; }
  [[nodiscard]] scope_part& scope_of(node_id id) { return std::get<scope_part>(nodes_[id].part); }
  [[nodiscard]] const scope_part& scope_of(node_id id) const { return std::get<scope_part>(nodes_[id].part); }
  [[nodiscard]] step_part& step_of(node_id id) { return std::get<step_part>(nodes_[id].part); }
  [[nodiscard]] const step_part& step_of(node_id id) const { return std::get<step_part>(nodes_[id].part); }
  [[nodiscard]] run_part& run_of(node_id id) { return std::get<run_part>(nodes_[id].part); }
  [[nodiscard]] const run_part& run_of(node_id id) const { return std::get<run_part>(nodes_[id].part); }
  [[nodiscard]] std::string path_of(node_id id) const;
  [[nodiscard]] const step_layout& layout_of(const node& step) const;

  /// Notes that the node has ended; its parent is told by `settle`, so that long chains take no stack.
  void end(node_id id, muster::status s, std::string reason);
  void settle();
  [[nodiscard]] bool is_stopping(node_id id) const;
  void tell_parent(node_id id);

  // -- scopes and steps (engine_scope.cpp)
  void begin_scope(node_id id);
  [[nodiscard]] result<void> set_parameters(node_id id);
  void consider(node_id step);
  void begin_step(node_id step);
  void step_ended(node_id scope, node_id step);
  void finish_scope(node_id id);
  [[nodiscard]] result<json_text> scope_result(node_id id) const;
  void step_failed(node_id step, muster::status s, std::string reason);
  void handler_ended(node_id step, node_id handler);
  void run_ended(node_id run);
  /// Notes a step that ends without being run.
  void note_unrun(node_id step, muster::status s, const std::string& reason);
  /// Ends a step or run that is no gang by a failure of its own, which is to be seen.
  void fail_itself(node_id id, const std::string& reason);

  // -- elements (engine_fan.cpp)
  void begin_fan(node_id step);
  void end_without_source(node_id step, const std::string& name, node_id source);
  [[nodiscard]] result<item_list> items_of(node_id step) const;
  [[nodiscard]] bool can_begin_element(node_id step) const;
  void queue_fan(node_id step);
  void begin_next_element(node_id step);
  void begin_element(node_id step, std::uint32_t i);
  void element_ended(node_id step, std::uint32_t i, muster::status s, const std::string& reason, json_text result);
  void release_element(node_id follower, std::uint32_t i);
  void stop_fan(node_id step, const std::string& reason);
  void finish_fan_if_ended(node_id step);
  [[nodiscard]] muster::status fan_status(const node& step) const;
  [[nodiscard]] result<json_text> fan_result(const node& step) const;
  [[nodiscard]] bool was_recorded(const std::string& path) const;

  // -- runs (engine_run.cpp)
  void begin_run(node_id run);
  void begin_body(node_id run);
  void begin_gang(node_id run);
  void add_scope(node_id run, const spec::scope_ptr& source, std::string label);
  void begin_switch(node_id run, const spec::switch_body& x);
  void begin_round(node_id run, std::uint32_t number);
  void round_ended(node_id run, node_id round);
  void inner_scope_ended(node_id run);
  [[nodiscard]] result<json_text> scopes_result(const node& run) const;
  void take_gang_end(node_id run, gang_end how);
  void cancel_below(node_id id, const std::string& reason);

  // -- names and values (engine_values.cpp)
  [[nodiscard]] std::string gang_name(node_id run) const;
  [[nodiscard]] std::vector<std::string> task_names(node_id run) const;
  /// The scope that `id` is in, itself not counted.
  [[nodiscard]] node_id scope_around(node_id id) const;
  /// The nearest step of that name, or with a member of that name, as seen from `id`.
  [[nodiscard]] node_id find_step(node_id from, const std::string& name) const;
  [[nodiscard]] const template_value* parameter(node_id from, const std::string& name) const;
  /// The run nearest around `from` that has what is asked for; null for none.
  [[nodiscard]] const run_part* nearest(node_id from, bool (*has)(const run_part&)) const;
  [[nodiscard]] result<template_value> result_at(node_id from, std::string_view path) const;
  [[nodiscard]] result<template_value> token_value(node_id from, std::string_view token) const;
  [[nodiscard]] result<std::string> replace_in_text(node_id from, const std::string& text) const;
  /// The result of a step as `from` sees it: of the one element that it follows, or of all. Null for none.
  [[nodiscard]] held_ptr result_of(node_id from, node_id step) const;
  /// The variables of an expression, `more` added.
  [[nodiscard]] template_value variables(node_id from, const std::string& expression,
                                         const std::vector<std::pair<std::string, template_value>>& more = {}) const;
  [[nodiscard]] result<template_value>
  evaluate(node_id from, const std::string& expression,
           const std::vector<std::pair<std::string, template_value>>& more = {}) const;
  [[nodiscard]] result<bool> holds(node_id from, const std::string& expression,
                                   const std::vector<std::pair<std::string, template_value>>& more = {}) const;
  [[nodiscard]] result<template_value> replace_tokens(node_id from, const template_value& x) const;
  /// The element of `step` that what is at `from` follows by `each`, if it does.
  [[nodiscard]] std::optional<std::uint32_t> followed_element(node_id from, node_id step) const;
  [[nodiscard]] input_source locate(node_id run, const std::string& name) const;

  // -- for people (engine_view.cpp)
  [[nodiscard]] step_view view_of(node_id step) const;
  [[nodiscard]] step_view view_of_run(node_id run, const std::string& kind) const;
  [[nodiscard]] std::string why_waiting(node_id step) const;

  spec::scope_ptr definition_;
  layouts layouts_;
  std::deque<node> nodes_; ///< References to nodes stay good while others are made.
  std::vector<node_id> free_;
  node_id root_ = no_node;
  std::deque<node_id> ended_;                               ///< Whose parents are to be told.
  std::deque<node_id> gangs_;                               ///< Runs that may begin as gangs.
  std::deque<node_id> fans_;                                ///< Steps that may begin an element.
  std::unordered_map<std::string, recorded_gang> recorded_; ///< Not yet met again.
  std::map<std::string, std::uint32_t> recorded_paths_; ///< Tasks' names, to find whether there is any below a path.
  std::size_t to_recall_ = 0;
  std::size_t to_meet_ = 0;
  std::vector<note> notes_;
  std::vector<std::pair<std::uint32_t, std::string>> cancels_;
  std::vector<std::string> borne_;
  bool tracks_borne_ = false;
  bool canceled_ = false;
  bool any_begun_ = false;
};

} // namespace muster::flow
