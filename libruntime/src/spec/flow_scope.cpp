#include "spec/flow_decode.hpp"

#include <algorithm>

namespace muster::spec {

namespace {

using names = std::vector<std::string_view>;

/// The parts of a scope among the keys of a mapping.
flow_parts parts_of(const value_reader& in, value_at x, const field_path& path) {
  flow_parts out;
  each_field(in, x, path, names{"parameters", "tasks", "groups", "steps", "result"}, {},
             [&](std::string_view name, value_at value, const field_path& /*where*/) {
               auto& part = name == "parameters" ? out.parameters
                            : name == "tasks"    ? out.tasks
                            : name == "groups"   ? out.groups
                            : name == "steps"    ? out.steps
                                                 : out.result;
               part = value;
             });
  return out;
}

void decode_list(const flow_reader& from, value_at x, const field_path& path, entry_kind kind, std::size_t depth,
                 scope& out, scope_notes& notes) {
  std::vector<value_at> items;
  if (!from.in.list(x, path, items))
    return;
  if (items.empty())
    from.report().error(x.place, path, "expected at least one step");
  const auto first = out.steps.size();
  out.steps.resize(first + items.size());
  notes.steps.resize(first + items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    decode_step(from, items[i], path.item(i), kind, depth, out.steps[first + i], notes.steps[first + i]);
}

/// The gangs of all scopes, for the rules that look at each of them.
void collect_gangs(scope_notes& notes, workflow_places& out) {
  for (std::size_t i = 0; i < notes.steps.size(); ++i) {
    if (const auto* const gang = std::get_if<group>(&notes.self->steps[i].body);
        gang != nullptr && !gang->tasks.empty()) {
      out.flow_groups.push_back(gang);
      out.groups.push_back(std::move(notes.steps[i].gang));
    }
    for (auto* const list : {&notes.steps[i].inner, &notes.steps[i].handler})
      for (auto& inner : *list)
        collect_gangs(inner, out);
  }
}

template <class Use>
void each_scope(const step& x, Use use) {
  if (const auto* const inner = std::get_if<scope_ptr>(&x.body)) {
    if (*inner)
      use(**inner);
  } else if (const auto* const branches = std::get_if<branches_body>(&x.body)) {
    for (const auto& branch : branches->branches)
      use(*branch.second);
  } else if (const auto* const choice = std::get_if<switch_body>(&x.body)) {
    for (const auto& branch : choice->cases)
      use(*branch.second);
    if (choice->otherwise)
      use(*choice->otherwise);
  }
  if (x.on_failure)
    use(*x.on_failure);
}

} // namespace

void for_each_task(const scope& x, const std::function<void(const task&)>& use) {
  for (const auto& step : x.steps) {
    if (const auto* const gang = std::get_if<group>(&step.body))
      for (const auto& task : gang->tasks)
        use(task);
    each_scope(step, [&](const scope& inner) { for_each_task(inner, use); });
  }
}

void for_each_task_to_change(const scope& x, const std::function<void(task&)>& use) {
  // No scope was made const: the model only hands them out so.
  for_each_task(x, [&](const task& t) { use(const_cast<task&>(t)); });
}

std::shared_ptr<scope> decode_scope_parts(const flow_reader& from, value_at x, const field_path& path,
                                          const flow_parts& parts, std::size_t depth, scope_notes& notes) {
  auto out = std::make_shared<scope>();
  notes.self = out;
  notes.start = x.place;
  notes.field = path.text();
  if (depth > deepest_scope) {
    from.report().error(x.place, path,
                        "workflows are nested more than " + std::to_string(deepest_scope) + " deep, which is the most");
    return out;
  }
  if (parts.parameters)
    decode_parameters(from, *parts.parameters, path.field("parameters"), depth == 1, out->parameters, notes.arguments);
  else if (depth == 1 && (!from.options.parameters_file.empty() || from.options.parameters_text))
    from.report().error("the spec has no `parameters` for the parameters file to set");
  const auto both = [&](const std::optional<value_at>& a, const std::optional<value_at>& b, const char* message) {
    if (a && b)
      from.report().error(b->place, path, message);
  };
  both(parts.groups, parts.tasks, "`tasks` and `groups` exclude each other, write `steps` to have both");
  both(parts.groups, parts.steps, "`groups` and `steps` exclude each other, a group can stand in `steps`");
  both(parts.tasks, parts.steps, "`tasks` and `steps` exclude each other, a task can stand in `steps`");
  if (!parts.tasks && !parts.groups && !parts.steps)
    from.report().error(x.place, path, "expected `tasks`, `groups` or `steps`, found none");
  if (parts.tasks)
    decode_list(from, *parts.tasks, path.field("tasks"), entry_kind::task, depth, *out, notes);
  if (parts.groups)
    decode_list(from, *parts.groups, path.field("groups"), entry_kind::group, depth, *out, notes);
  if (parts.steps)
    decode_list(from, *parts.steps, path.field("steps"), entry_kind::any, depth, *out, notes);
  if (parts.result)
    (void)decode_expression(from, *parts.result, path.field("result"), sight::round, out->result, notes.mentions);
  return out;
}

std::shared_ptr<scope> decode_scope_map(const flow_reader& from, value_at x, const field_path& path, std::size_t depth,
                                        scope_notes& notes) {
  if (from.in.is_map(x))
    return decode_scope_parts(from, x, path, parts_of(from.in, x, path), depth, notes);
  from.in.refuse(x, path, "a mapping with `tasks`, `groups` or `steps`");
  auto out = std::make_shared<scope>();
  notes.self = out;
  return out;
}

std::shared_ptr<scope> decode_handler(const flow_reader& from, value_at x, const field_path& path, std::size_t depth,
                                      scope_notes& notes) {
  reporter ignored;
  std::vector<map_entry> entries;
  const value_reader quiet{from.in.document(), ignored};
  if (!quiet.is_map(x) || !quiet.map(x, path, entries))
    return decode_scope_map(from, x, path, depth, notes);
  const auto has = [&](std::string_view name) {
    return std::any_of(entries.begin(), entries.end(), [&](const map_entry& entry) { return entry.key.text == name; });
  };
  if (entries.size() == 1 && has("workflow"))
    return decode_scope_map(from, entries[0].value, path.field("workflow"), depth, notes);
  const bool lone = has("image") || has("command") || has("workflow") || has("branches") || has("switch") ||
                    (has("tasks") && has("name"));
  if (!lone)
    return decode_scope_map(from, x, path, depth, notes);
  auto out = std::make_shared<scope>();
  notes.self = out;
  notes.start = x.place;
  notes.field = path.text();
  out->steps.resize(1);
  notes.steps.resize(1);
  if (depth > deepest_scope)
    from.report().error(x.place, path, "workflows are nested more than " + std::to_string(deepest_scope) + " deep");
  else
    decode_step(from, x, path, entry_kind::handler, depth, out->steps[0], notes.steps[0]);
  return out;
}

void decode_flow(const value_reader& in, value_at x, const flow_parts& parts, const load_options& options,
                 workflow& out, workflow_places& places) {
  const field_path root{nullptr, "workflow", -1};
  const flow_reader from{in, options};
  scope_notes notes;
  out.flow = decode_scope_parts(from, x, root, parts, 1, notes);
  check_flow(notes, in.report());
  collect_gangs(notes, places);
}

} // namespace muster::spec
