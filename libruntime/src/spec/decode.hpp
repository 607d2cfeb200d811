#pragma once

#include "spec/decode_values.hpp"

#include "muster/spec/load.hpp"
#include "muster/spec/model.hpp"

#include <functional>
#include <string>
#include <vector>

namespace muster::spec {

/// Where the parts of a task stand, for rules that look at several tasks.
struct task_places {
  yaml::mark start;
  yaml::mark name;
  yaml::mark resource;
  std::vector<yaml::mark> inputs;
  std::vector<yaml::mark> files;
  std::vector<bool> local_files; ///< Whose contents come from `localpath`.
};

/// The same for a group.
struct group_places {
  yaml::mark start;
  yaml::mark name;
  std::vector<task_places> tasks;
  bool from_task = false; ///< A plain task: messages name `tasks[i]`, not `groups[i]`.
  std::size_t index = 0;  ///< In its list.
  std::string field;      ///< Its path, if it is not `workflow.tasks[index]` or `workflow.groups[index]`.
};

struct workflow_places {
  yaml::mark start;
  yaml::mark name;
  std::vector<group_places> groups;
  std::vector<std::pair<std::string, std::vector<yaml::mark>>> topologies; ///< By resource.
  std::vector<const group*> flow_groups; ///< Of a workflow with a flow: the gangs of all scopes, as in `groups`.
};

/// Keys of a task or group beyond OSMO's.
struct extra_fields {
  std::vector<std::string_view> names;
  std::function<void(std::string_view name, value_at value, const field_path& path)> use;
  bool name_optional = false;
};

/// Reads the value of the top-level key `workflow` field by field. Reports what is wrong; `out` holds what was good.
void decode_workflow(const value_reader& in, value_at x, const load_options& options, workflow& out,
                     workflow_places& places);

/// Reads one task. With `extra` its texts may hold Muster's own tokens where a rule would not have them.
void decode_task(const value_reader& in, value_at x, const field_path& path, const load_options& options, task& out,
                 task_places& places, const extra_fields* extra = nullptr);

/// Reads one group; `extra` are keys of the group, `member_extra` of its tasks.
void decode_group(const value_reader& in, value_at x, const field_path& path, const load_options& options, group& out,
                  group_places& places, const extra_fields* extra = nullptr,
                  const extra_fields* member_extra = nullptr);

/// Makes a plain task the group of one that it is.
void complete_plain_task(group& x);

/// Reads the `files` of a task, and those of this host that they name; where each of them is goes to `places`.
void decode_files(const value_reader& in, value_at x, const field_path& path, const load_options& options,
                  std::vector<file>& out, task_places& places);

/// Reads `exitActions`.
void decode_exit_actions(const value_reader& in, value_at x, const field_path& path, std::vector<exit_rule>& out);

/// Reads exit codes such as `1-10,16`; false if they are none.
[[nodiscard]] bool parse_exit_codes(const std::string& text, std::vector<code_range>& out);

/// Reads one entry of `resources`.
void decode_resource(const value_reader& in, value_at x, const field_path& path, resource& out,
                     std::vector<yaml::mark>& topologies);

/// Rules between the parts: names, references, resources, limits of the profile.
void check_workflow(const workflow& x, const workflow_places& places, const load_options& options, reporter& report);

/// Gives every entry of `x` whose key is one of `known` to `use(name, value, path)`, reports the others and those of
/// `required` that are absent. Keys of `suggested` are named to who misspells one; null for those of `known`.
template <class Use>
bool each_field(const value_reader& in, value_at x, const field_path& path, const std::vector<std::string_view>& known,
                const std::vector<std::string_view>& required, Use use,
                const std::vector<std::string_view>* suggested = nullptr);

/// Whether a key that is none of `known` is nearest to `name` of them: that `name` is absent needs no words then.
[[nodiscard]] bool is_misspelt(const std::vector<map_entry>& entries, std::string_view name,
                               const std::vector<std::string_view>& known);

/// Reports a key that is none of `known`, with the nearest one.
void report_unknown_key(const value_reader& in, const map_entry& x, const field_path& path,
                        const std::vector<std::string_view>& known);

/// Checks that `pattern` is a regular expression; empty is fine.
bool check_regex(const value_reader& in, value_at x, const field_path& path, const std::string& pattern);

/// Whether a file may be put at `path`: not empty, and below `/osmo` only under the output folder.
[[nodiscard]] bool good_file_path(std::string_view path);

/// The names on a path, without those that make no difference: `.` and empty ones.
[[nodiscard]] std::vector<std::string_view> names_on_path(std::string_view path);

/// Reads the name of a workflow, group or task.
void decode_name(const value_reader& in, value_at x, const field_path& path, std::string& out);

/// A duration from a string or a number of seconds.
bool decode_duration(const value_reader& in, value_at x, const field_path& path, duration& out);

template <class Use>
bool each_field(const value_reader& in, value_at x, const field_path& path, const std::vector<std::string_view>& known,
                const std::vector<std::string_view>& required, Use use,
                const std::vector<std::string_view>* suggested) {
  std::vector<map_entry> entries;
  if (!in.map(x, path, entries))
    return false;
  std::size_t seen = 0;
  for (const auto& entry : entries) {
    const auto is = [&](std::string_view name) {
      return entry.key.type == yaml::scalar_type::text && entry.key.text == name;
    };
    bool found = false;
    for (const auto name : known)
      if (is(name)) {
        found = true;
        use(name, entry.value, path.field(name));
      }
    for (const auto name : required)
      seen += is(name) ? 1U : 0U;
    if (!found)
      report_unknown_key(in, entry, path, suggested != nullptr ? *suggested : known);
  }
  if (seen == required.size())
    return true;
  for (const auto name : required) {
    bool there = false;
    for (const auto& entry : entries)
      there = there || (entry.key.type == yaml::scalar_type::text && entry.key.text == name);
    if (!there && !is_misspelt(entries, name, suggested != nullptr ? *suggested : known))
      in.report().error(x.place, path, "`" + std::string{name} + "` is missing", "");
  }
  return true;
}

} // namespace muster::spec
