#pragma once

#include "spec/decode.hpp"
#include "spec/flow_notes.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Reading what Muster adds to OSMO's spec (muster/spec/flow.hpp).
namespace muster::spec {

/// Most scopes within each other.
inline constexpr std::size_t deepest_scope = 64;
/// Most elements of a `foreach` that the spec itself counts out, and most rounds of a `repeat`.
inline constexpr std::int64_t most_elements = 1'000'000;

/// The keys of a step beside its body.
[[nodiscard]] const std::vector<std::string_view>& step_keys();

/// Whether the value of `workflow` uses any key or token of Muster's own.
[[nodiscard]] bool uses_flow(const value_reader& in, value_at x);

/// The parts of a workflow, at any depth, as far as they are there.
struct flow_parts {
  std::optional<value_at> parameters;
  std::optional<value_at> tasks;
  std::optional<value_at> groups;
  std::optional<value_at> steps;
  std::optional<value_at> result;
};

/// Reads a workflow that uses Muster's keys into `out.flow`, and checks it.
void decode_flow(const value_reader& in, value_at x, const flow_parts& parts, const load_options& options,
                 workflow& out, workflow_places& places);

/// What the parts of the decoder share.
struct flow_reader {
  const value_reader& in;
  const load_options& options;

  [[nodiscard]] reporter& report() const { return in.report(); }
};

/// Reads the parts of a scope. `depth` counts scopes from 1.
[[nodiscard]] std::shared_ptr<scope> decode_scope_parts(const flow_reader& from, value_at x, const field_path& path,
                                                        const flow_parts& parts, std::size_t depth, scope_notes& notes);
/// Reads a mapping of parts, as below `workflow`.
[[nodiscard]] std::shared_ptr<scope> decode_scope_map(const flow_reader& from, value_at x, const field_path& path,
                                                      std::size_t depth, scope_notes& notes);
/// Reads the value of `on_failure`, which may be a lone step.
[[nodiscard]] std::shared_ptr<scope> decode_handler(const flow_reader& from, value_at x, const field_path& path,
                                                    std::size_t depth, scope_notes& notes);

/// What an entry of a list of steps may be.
enum class entry_kind : std::uint8_t { task, group, any, handler };

/// Reads one entry of `tasks`, `groups` or `steps`.
void decode_step(const flow_reader& from, value_at x, const field_path& path, entry_kind kind, std::size_t depth,
                 step& out, step_notes& notes);

/// Reads `parameters`. Those of the whole workflow take values of the options.
void decode_parameters(const flow_reader& from, value_at x, const field_path& path, bool whole,
                       std::vector<parameter>& out, std::vector<mention>& mentions);

/// Reads `foreach`; what limits it is not touched.
void decode_items(const flow_reader& from, value_at x, const field_path& path, item_source& out,
                  std::vector<mention>& mentions);
void decode_reduce(const flow_reader& from, value_at x, const field_path& path, reduce& out);
void decode_after(const flow_reader& from, value_at x, const field_path& path, std::vector<after>& out,
                  std::vector<mention>& mentions);
void decode_repeat(const flow_reader& from, value_at x, const field_path& path, repeat& out,
                   std::vector<mention>& mentions);
void decode_retry(const flow_reader& from, value_at x, const field_path& path, retry& out);

/// A YAML value as JSON would have it: keys are strings, numbers finite and of 64 bits, nested 100 levels at most.
[[nodiscard]] template_value decode_value(const flow_reader& from, value_at x, const field_path& path,
                                          std::size_t depth = 0);

/// The text of a key: keys that YAML reads as booleans or numbers are their text; `on` stays `on`.
[[nodiscard]] std::string text_of_key(const yaml::scalar& key);

/// Reads an expression, and notes what it speaks of.
bool decode_expression(const flow_reader& from, value_at x, const field_path& path, sight seen, std::string& out,
                       std::vector<mention>& mentions);

/// Notes the tokens of every text in `x`, keys included.
void note_tokens(const flow_reader& from, value_at x, const field_path& path, sight seen,
                 std::vector<mention>& mentions);
/// The same for one text.
void note_tokens(std::string_view text, yaml::mark place, const field_path& path, sight seen,
                 std::vector<mention>& mentions);

/// A whole number between `least` and `most`.
bool decode_count(const flow_reader& from, value_at x, const field_path& path, std::int64_t least, std::int64_t most,
                  std::int64_t& out);

/// Calls `use` with each task of a flow, at any depth.
void for_each_task(const scope& x, const std::function<void(const task&)>& use);
/// The same, for the loader, which has made the scopes and may still change them.
void for_each_task_to_change(const scope& x, const std::function<void(task&)>& use);

} // namespace muster::spec
