#include "spec/decode.hpp"
#include "spec/flow_decode.hpp"

#include "muster/base/nearest.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/labels.hpp"
#include "muster/spec/names.hpp"
#include "muster/spec/quantity.hpp"
#include "spec/python_number.hpp"

#include <algorithm>
#include <limits>

namespace muster::spec {

namespace {

using names = std::vector<std::string_view>;

bool is_null(const value_reader& in, value_at x) {
  return in.is_scalar(x) && in.scalar(x).type == yaml::scalar_type::null;
}

void decode_labels(const value_reader& in, value_at x, const field_path& path,
                   std::map<std::string, std::string>& out) {
  std::vector<map_entry> entries;
  if (!in.map(x, path, entries))
    return;
  if (entries.size() > most_labels)
    in.report().error(x.place, path,
                      "expected at most " + std::to_string(most_labels) + " labels, found " +
                          std::to_string(entries.size()));
  for (const auto& entry : entries) {
    if (entry.key.type != yaml::scalar_type::text) {
      in.report().error(entry.key_place, path,
                        "a label's key must be a string, found " + std::string{yaml::describe(entry.key.type)});
      continue;
    }
    const auto where = path.field(entry.key.text);
    if (const auto good = check_label_key(entry.key.text); !good)
      in.report().error(entry.key_place, where, good.failure().message);
    std::string value;
    if (!in.text(entry.value, where, value, numbers::refuse))
      continue;
    if (const auto good = check_label_value(value); !good)
      in.report().error(entry.value.place, where, good.failure().message);
    out[entry.key.text] = std::move(value);
  }
}

void decode_bytes(const value_reader& in, value_at x, const field_path& path, std::optional<std::int64_t>& out) {
  std::string text;
  if (is_null(in, x) || !in.text(x, path, text, numbers::as_text))
    return;
  const auto bytes = parse_bytes(text);
  if (!bytes) {
    in.report().error(x.place, path, bytes.failure().message);
    return;
  }
  // OSMO writes a number of bytes as Ki, and cannot read that back where Python prints it with an exponent.
  const bool has_unit = (text.back() >= 'a' && text.back() <= 'z') || (text.back() >= 'A' && text.back() <= 'Z');
  if (in.rules() == profile::muster && *bytes > most_bytes)
    in.refuse(x, path, "at most " + bytes_text(most_bytes));
  else if (!has_unit && python_repr(*parse_quantity(text) / 1024).find('e') != std::string::npos)
    in.report().error(x.place, path, "'" + text + "' bytes is beyond what can be asked for");
  if (*bytes < 0)
    in.report().error(x.place, path, "nobody can ask for less than 0, found '" + text + "'");
  out = *bytes;
}

void decode_count(const value_reader& in, value_at x, const field_path& path, std::optional<std::int64_t>& out) {
  std::int64_t count = 0;
  if (is_null(in, x) || !in.integer(x, path, count))
    return;
  if (count < 0)
    in.report().error(x.place, path, "nobody can ask for less than 0, found " + std::to_string(count));
  out = count;
}

void decode_topology(const value_reader& in, value_at x, const field_path& path, topology& out) {
  each_field(in, x, path, names{"key", "group", "requirementType"}, {"key"},
             [&](std::string_view name, value_at value, const field_path& where) {
               if (name == "requirementType") {
                 std::string text;
                 if (!in.text(value, where, text, numbers::refuse))
                   return;
                 if (text != "required" && text != "preferred")
                   in.refuse(value, where, "`required` or `preferred`");
                 out.required = text == "required";
                 return;
               }
               (void)in.text(value, where, name == "key" ? out.key : out.group, numbers::refuse);
             });
}

void decode_resources(const value_reader& in, value_at x, const field_path& path, std::map<std::string, resource>& out,
                      workflow_places& places) {
  std::vector<map_entry> entries;
  if (!in.map(x, path, entries))
    return;
  for (const auto& entry : entries) {
    if (entry.key.type != yaml::scalar_type::text) {
      in.report().error(entry.key_place, path,
                        "a resource's name must be a string, found " + std::string{yaml::describe(entry.key.type)});
      continue;
    }
    places.topologies.emplace_back(entry.key.text, std::vector<yaml::mark>{});
    decode_resource(in, entry.value, path.field(entry.key.text), out[entry.key.text], places.topologies.back().second);
  }
}

void decode_timeouts(const value_reader& in, value_at x, const field_path& path, timeouts& out) {
  each_field(in, x, path, names{"exec_timeout", "queue_timeout"}, {},
             [&](std::string_view name, value_at value, const field_path& where) {
               if (is_null(in, value))
                 return;
               duration time{};
               if (decode_duration(in, value, where, time))
                 (name == "exec_timeout" ? out.exec : out.queue) = time;
             });
}

/// `tasks` of a group; says which of them leads.
void decode_members(const value_reader& in, value_at x, const field_path& path, const load_options& options, group& out,
                    group_places& places, const extra_fields* extra) {
  std::vector<value_at> items;
  if (!in.list(x, path, items))
    return;
  if (items.empty()) {
    in.report().error(x.place, path, "group '" + out.name + "' needs at least one task");
    return;
  }
  out.tasks.resize(items.size());
  places.tasks.resize(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    decode_task(in, items[i], path.item(i), options, out.tasks[i], places.tasks[i], extra);
  if (out.tasks.size() == 1)
    out.tasks[0].lead = true;
  const auto leads = std::count_if(out.tasks.begin(), out.tasks.end(), [](const task& t) { return t.lead; });
  if (leads != 1)
    in.report().error(x.place, path,
                      "group '" + out.name + "' has " + std::to_string(leads) +
                          " tasks with `lead: true`, expected exactly one");
}

void decode_groups(const value_reader& in, value_at x, const field_path& path, const load_options& options,
                   workflow& out, workflow_places& places) {
  std::vector<value_at> items;
  if (!in.list(x, path, items))
    return;
  const auto first = out.groups.size();
  out.groups.resize(first + items.size());
  places.groups.resize(first + items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    places.groups[first + i].index = i;
    decode_group(in, items[i], path.item(i), options, out.groups[first + i], places.groups[first + i]);
  }
}

/// Plain tasks: each becomes a group of one.
void decode_tasks(const value_reader& in, value_at x, const field_path& path, const load_options& options,
                  workflow& out, workflow_places& places) {
  std::vector<value_at> items;
  if (!in.list(x, path, items))
    return;
  out.groups.reserve(out.groups.size() + items.size());
  places.groups.reserve(places.groups.size() + items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto& to = out.groups.emplace_back();
    auto& at = places.groups.emplace_back();
    at.start = items[i].place;
    at.from_task = true;
    at.index = i;
    to.tasks.resize(1);
    at.tasks.resize(1);
    decode_task(in, items[i], path.item(i), options, to.tasks[0], at.tasks[0]);
    complete_plain_task(to);
    at.name = at.tasks[0].name;
  }
}

} // namespace

void decode_group(const value_reader& in, value_at x, const field_path& path, const load_options& options, group& out,
                  group_places& places, const extra_fields* extra, const extra_fields* member_extra) {
  static const names own = {"name", "barrier", "ignoreNonleadStatus", "tasks"};
  places.start = x.place;
  places.name = x.place;
  std::optional<value_at> members;
  const auto decode = [&](std::string_view name, value_at value, const field_path& where) {
    if (extra != nullptr && std::find(own.begin(), own.end(), name) == own.end()) {
      extra->use(name, value, where);
    } else if (name == "name") {
      places.name = value.place;
      decode_name(in, value, where, out.name);
    } else if (name == "barrier") {
      (void)in.boolean(value, where, out.barrier);
    } else if (name == "ignoreNonleadStatus") {
      (void)in.boolean(value, where, out.ignore_nonlead_status);
    } else {
      members = value;
    }
  };
  auto known = own;
  if (extra != nullptr)
    known.insert(known.end(), extra->names.begin(), extra->names.end());
  auto suggested = own;
  if (options.profile == profile::muster)
    suggested.insert(suggested.end(), step_keys().begin(), step_keys().end());
  if (!each_field(in, x, path, known, {"name", "tasks"}, decode, &suggested))
    return;
  if (members)
    decode_members(in, *members, path.field("tasks"), options, out, places, member_extra);
  out.barrier = out.barrier && out.tasks.size() > 1;
}

void complete_plain_task(group& x) {
  x.barrier = false;
  x.tasks[0].lead = true;
  x.name = x.tasks[0].name + "-group";
}

bool is_misspelt(const std::vector<map_entry>& entries, std::string_view name,
                 const std::vector<std::string_view>& known) {
  return std::any_of(entries.begin(), entries.end(), [&](const map_entry& x) {
    return x.key.type == yaml::scalar_type::text && std::find(known.begin(), known.end(), x.key.text) == known.end() &&
           nearest(x.key.text, known) == name;
  });
}

void report_unknown_key(const value_reader& in, const map_entry& x, const field_path& path,
                        const std::vector<std::string_view>& known) {
  if (x.key.type != yaml::scalar_type::text) {
    in.report().error(x.key_place, path, "a key must be a string, found " + std::string{yaml::describe(x.key.type)});
    return;
  }
  auto hint = did_you_mean(x.key.text, known);
  if (hint.empty()) {
    hint = "known keys: ";
    for (const auto name : known)
      hint += (name == known.front() ? "" : ", ") + std::string{name};
  }
  in.report().error(x.key_place, path.field(x.key.text), "unknown key '" + x.key.text.substr(0, 80) + "'",
                    std::move(hint));
}

void decode_name(const value_reader& in, value_at x, const field_path& path, std::string& out) {
  // Not even bytes, which other strings may be written as.
  if (!in.is_scalar(x) || in.scalar(x).type != yaml::scalar_type::text) {
    in.refuse(x, path, "a name");
    return;
  }
  out = in.scalar(x).text;
  if (!is_name(out))
    in.report().error(x.place, path,
                      "expected a letter, then letters, digits, '-' or '_', and a letter or digit at the end, found '" +
                          out.substr(0, 100) + "'");
}

bool decode_duration(const value_reader& in, value_at x, const field_path& path, duration& out) {
  constexpr std::string_view expected = "a duration such as 90s";
  if (!in.is_scalar(x))
    return in.refuse(x, path, expected);
  const auto value = in.scalar(x);
  auto parsed = result<duration>{duration{}};
  switch (value.type) {
    case yaml::scalar_type::text: parsed = parse_duration(value.text); break;
    case yaml::scalar_type::boolean: parsed = duration_from_seconds(value.boolean ? 1 : 0); break;
    case yaml::scalar_type::real: parsed = duration_from_seconds(value.real); break;
    case yaml::scalar_type::integer: parsed = parse_duration(value.text + "s"); break;
    default: return in.refuse(x, path, expected);
  }
  const bool ours = in.rules() == profile::muster;
  const bool bounded =
      parsed ? *parsed <= longest_time && *parsed >= -longest_time : parsed.failure().code != ec::limit_exceeded;
  if (ours && !bounded)
    return in.refuse(x, path, "a duration of at most " + to_string(longest_time));
  if (!parsed) {
    in.report().error(x.place, path, parsed.failure().message);
    return false;
  }
  out = *parsed;
  return true;
}

void decode_resource(const value_reader& in, value_at x, const field_path& path, resource& out,
                     std::vector<yaml::mark>& topologies) {
  static const names known = {"cpu", "gpu", "memory", "storage", "platform", "nodesExcluded", "topology"};
  each_field(in, x, path, known, {}, [&](std::string_view name, value_at value, const field_path& where) {
    if (name == "cpu") {
      decode_count(in, value, where, out.cpu);
    } else if (name == "gpu") {
      decode_count(in, value, where, out.gpu);
    } else if (name == "memory") {
      decode_bytes(in, value, where, out.memory);
    } else if (name == "storage") {
      decode_bytes(in, value, where, out.storage);
    } else if (name == "platform") {
      if (!is_null(in, value))
        (void)in.text(value, where, out.platform, numbers::as_text);
    } else if (name == "nodesExcluded") {
      (void)in.text_list(value, where, out.nodes_excluded, numbers::as_text);
    } else {
      std::vector<value_at> items;
      if (!in.list(value, where, items))
        return;
      out.topologies.resize(items.size());
      for (std::size_t i = 0; i < items.size(); ++i) {
        topologies.push_back(items[i].place);
        decode_topology(in, items[i], where.item(i), out.topologies[i]);
      }
    }
  });
}

void decode_workflow(const value_reader& in, value_at x, const load_options& options, workflow& out,
                     workflow_places& places) {
  const field_path root{nullptr, "workflow", -1};
  static const names own = {"name", "labels", "pool", "groups", "tasks", "resources", "timeout", "backend"};
  const bool ours = options.profile == profile::muster;
  const bool has_flow = ours && uses_flow(in, x);
  flow_parts flow;
  auto known = own;
  if (ours)
    known.insert(known.end(), {"steps", "parameters", "result"});
  places.start = x.place;
  places.name = x.place;
  bool has_resources = false;
  auto& groups = flow.groups;
  auto& tasks = flow.tasks;
  const auto decode = [&](std::string_view name, value_at value, const field_path& where) {
    if (name == "name") {
      places.name = value.place;
      decode_name(in, value, where, out.name);
    } else if (name == "labels") {
      decode_labels(in, value, where, out.labels);
    } else if (name == "pool") {
      (void)in.text(value, where, out.pool, numbers::refuse);
    } else if (name == "groups") {
      groups = value;
    } else if (name == "tasks") {
      tasks = value;
    } else if (name == "steps") {
      flow.steps = value;
    } else if (name == "parameters") {
      flow.parameters = value;
    } else if (name == "result") {
      flow.result = value;
    } else if (name == "resources") {
      has_resources = true;
      decode_resources(in, value, where, out.resources, places);
    } else if (name == "timeout") {
      decode_timeouts(in, value, where, out.timeout);
    } else {
      std::string ignored;
      (void)in.text(value, where, ignored, numbers::refuse);
    }
  };
  if (!each_field(in, x, root, known, {"name"}, decode))
    return;
  if (!has_resources)
    out.resources.emplace("default", resource{});
  if (has_flow) {
    decode_flow(in, x, flow, options, out, places);
    return;
  }
  if (!options.parameters_file.empty() || options.parameters_text)
    in.report().error("the spec has no `parameters` for the parameters file to set");
  std::vector<map_entry> entries;
  (void)in.map(x, root, entries);
  const bool any_groups = groups && in.truthy(*groups);
  const bool any_tasks = tasks && in.truthy(*tasks);
  if (any_groups && any_tasks)
    in.report().error(tasks->place, root, "`tasks` and `groups` exclude each other, put the tasks into groups of one");
  else if (!any_groups && !any_tasks && !is_misspelt(entries, "groups", known) && !is_misspelt(entries, "tasks", known))
    in.report().error(x.place, root, "expected at least one task in `tasks` or one group in `groups`, found none");
  // Both are read even when one is empty: an empty list is fine, nothing at all is not.
  if (groups && (any_groups || any_tasks))
    decode_groups(in, *groups, root.field("groups"), options, out, places);
  if (tasks && (any_groups || any_tasks))
    decode_tasks(in, *tasks, root.field("tasks"), options, out, places);
}

} // namespace muster::spec
