#pragma once

#include "cli/commands/commands.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/state/status.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/reader.hpp"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What the commands that read the state directory share.
namespace muster::cli {

/// How a list is printed: for people, as one JSON array, as one JSON object per line, as names alone.
enum class list_format : std::uint8_t { table, json, jsonl, name };

/// Adds `-o,--output` with the four formats; with `wide`, also that: a table of more columns.
void add_list_format(CLI::App& command, list_format& format, bool* wide = nullptr);

/// Adds an option that takes one of a few formats; anything else gets a suggestion. `into` holds the default.
void add_choice(CLI::App& command, const char* name, std::string& into, const char* text,
                const std::vector<std::string>& choices);

/// Adds `-o,--output` with `text` and `json`.
void add_text_or_json(CLI::App& command, std::string& format);

/// Adds `--state-dir`.
void add_state_dir(CLI::App& command, context& ctx);

/// The state directory that the command line or the environment names.
[[nodiscard]] result<store::state_directory> find_state_directory(const context& ctx);

/// What an ID that is empty is refused with.
inline constexpr std::string_view empty_id = "the ID is empty: name a workflow, or 'last' for the newest";

/// The workflow that the user means by `id`: an id, or `last` for the newest.
[[nodiscard]] result<store::workflow_record> find_workflow(store::reader& reader, const std::string& id);

/// What is wrong with `text` as a number from 0 on; empty if nothing is. For `CLI::Option::check`.
[[nodiscard]] std::string check_count(const std::string& text);

/// The names of all statuses.
[[nodiscard]] std::vector<std::string> all_status_names();

/// Statuses by name, any case, separated by commas; `not_found` suggests the nearest.
[[nodiscard]] result<std::vector<status>> parse_statuses(const std::vector<std::string>& names);

/// From start to end, or until now; empty if it has not begun.
[[nodiscard]] std::string elapsed(std::optional<timestamp> start, std::optional<timestamp> end);

/// `x` on one line, bytes that are not UTF-8 replaced.
[[nodiscard]] std::string dump(const nlohmann::ordered_json& x, int indent = -1);

/// Prints why the head has not taken a workflow up, after what else its line says; nothing if it has.
void print_held(const nlohmann::ordered_json& workflow);

/// Prints objects as a JSON array or one per line, as they come.
class json_list {
public:
  explicit json_list(list_format format);
  void add(const nlohmann::ordered_json& x);
  void add_raw(const std::string& line);
  void finish();

private:
  bool array_;
  bool first_ = true;
};

} // namespace muster::cli
