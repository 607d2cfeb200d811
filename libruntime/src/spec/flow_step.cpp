#include "spec/flow_decode.hpp"

#include "muster/spec/names.hpp"
#include "spec/sections.hpp"

#include <algorithm>
#include <array>

namespace muster::spec {

namespace {

using names = std::vector<std::string_view>;

constexpr std::array<std::string_view, 3> scope_bodies = {"workflow", "branches", "switch"};

/// The keys of a mapping, without a word about what is wrong with it.
std::vector<map_entry> keys_of(const value_reader& in, value_at x) {
  reporter ignored;
  std::vector<map_entry> entries;
  const value_reader quiet{in.document(), ignored};
  if (quiet.is_map(x))
    (void)quiet.map(x, field_path{}, entries);
  return entries;
}

const map_entry* find(const std::vector<map_entry>& entries, std::string_view name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const map_entry& x) {
    return x.key.type == yaml::scalar_type::text && x.key.text == name;
  });
  return found == entries.end() ? nullptr : &*found;
}

/// Reads one entry: what is common to all steps, and the body.
class step_reader {
public:
  step_reader(const flow_reader& from, std::size_t depth, step& out, step_notes& notes)
      : from_(from), depth_(depth), out_(out), notes_(notes) {}

  void read(value_at x, const field_path& path, entry_kind kind) {
    notes_.start = x.place;
    notes_.name = x.place;
    notes_.field = path.text();
    if (!from_.in.is_map(x)) {
      from_.in.refuse(x, path, "a mapping");
      return;
    }
    entries_ = keys_of(from_.in, x);
    const auto body = find_body(x, path, kind);
    if (body == "tasks")
      read_group(x, path);
    else if (body == "image")
      read_task(x, path, kind == entry_kind::handler);
    else if (!body.empty())
      read_composite(x, path, body, kind == entry_kind::handler);
    finish(path);
  }

private:
  [[nodiscard]] reporter& report() const { return from_.report(); }

  /// Which body it has: `image` for a task, `tasks` for a group. Empty, and reported, if there is not exactly one.
  std::string_view find_body(value_at x, const field_path& path, entry_kind kind) {
    names found;
    for (const auto name : scope_bodies)
      if (find(entries_, name) != nullptr)
        found.push_back(name);
    if (find(entries_, "tasks") != nullptr)
      found.emplace_back("tasks");
    if (find(entries_, "image") != nullptr || find(entries_, "command") != nullptr)
      found.emplace_back("image");
    if (found.size() > 1) {
      std::string all;
      for (const auto name : found)
        all += (all.empty() ? "`" : ", `") + std::string{name} + "`";
      report().error(x.place, path, "a step has one body, found " + all,
                     "a body is `image` with `command`, `tasks`, `workflow`, `branches` or `switch`");
      return {};
    }
    for (const auto* name : {"steps", "groups"})
      if (found.empty() && find(entries_, name) != nullptr) {
        report().error(x.place, path, "a step has no `" + std::string{name} + "` of its own",
                       "a nested workflow stands below `workflow`: {" + std::string{name} + ": [...]}");
        return {};
      }
    if (found.empty())
      return kind == entry_kind::group ? "tasks" : "image";
    if (kind == entry_kind::task && found[0] == "tasks")
      report().error(x.place, path, "a group cannot stand in `tasks`", "write `steps:` instead of `tasks:`");
    if (kind == entry_kind::group && found[0] == "image")
      report().error(x.place, path, "a task cannot stand in `groups`", "write `steps:` instead of `groups:`");
    return found[0];
  }

  void read_task(value_at x, const field_path& path, bool name_optional) {
    group body;
    body.tasks.resize(1);
    notes_.gang.tasks.resize(1);
    notes_.gang.from_task = true;
    notes_.gang.start = x.place;
    const extra_fields extra{step_keys(), use_common(), name_optional};
    if (name_optional)
      body.tasks[0].name = "on_failure";
    decode_task(from_.in, x, path, from_.options, body.tasks[0], notes_.gang.tasks[0], &extra);
    complete_plain_task(body);
    out_.name = body.tasks[0].name;
    notes_.gang.name = notes_.gang.tasks[0].name;
    finish_gang(std::move(body), path);
  }

  void read_group(value_at x, const field_path& path) {
    group body;
    const extra_fields extra{step_keys(), use_common()};
    const extra_fields member_extra{
        step_keys(), [this](std::string_view name, value_at value, const field_path& where) {
          report().error(value.place, where, "`" + std::string{name} + "` is of the whole group, not of one task",
                         "write it beside the group's `tasks`");
        }};
    decode_group(from_.in, x, path, from_.options, body, notes_.gang, &extra, &member_extra);
    out_.name = body.name;
    finish_gang(std::move(body), path);
  }

  void finish_gang(group body, const field_path& path) {
    notes_.name = notes_.gang.name;
    notes_.gang.field = notes_.field;
    for (const auto& entry : entries_)
      if (const auto& known = step_keys(); std::find(known.begin(), known.end(), entry.key.text) == known.end())
        note_tokens(from_, entry.value, path.field(entry.key.text), sight::round, notes_.mentions);
    for (std::size_t t = 0; t < body.tasks.size() && t < notes_.gang.tasks.size(); ++t)
      note_task(body.tasks[t], notes_.gang.tasks[t],
                notes_.gang.from_task ? notes_.field : notes_.field + ".tasks[" + std::to_string(t) + "]");
    out_.body = std::move(body);
  }

  void note_task(const task& x, const task_places& places, const std::string& field) {
    for (std::size_t i = 0; i < x.inputs.size() && i < places.inputs.size(); ++i) {
      const auto* const input = std::get_if<task_input>(&x.inputs[i].from);
      if (input != nullptr && !input->task.empty() && input->workflow.empty())
        notes_.mentions.push_back({mention_kind::step, input->task, sight::round, places.inputs[i],
                                   field + ".inputs[" + std::to_string(i) + "].task"});
    }
    for (std::size_t i = 0; i < x.files.size() && i < places.local_files.size(); ++i)
      if (places.local_files[i]) {
        const auto name = field + ".files[" + std::to_string(i) + "].localpath";
        note_tokens(x.files[i].contents, places.files[i], field_path{nullptr, name, -1}, sight::round, notes_.mentions);
      }
  }

  void read_composite(value_at x, const field_path& path, std::string_view body, bool name_optional) {
    auto known = step_keys();
    known.push_back("name");
    known.push_back(body);
    const auto common = use_common();
    if (name_optional)
      out_.name = "on_failure";
    each_field(
        from_.in, x, path, known, name_optional ? names{} : names{"name"},
        [&](std::string_view name, value_at value, const field_path& where) {
          if (name == "name") {
            notes_.name = value.place;
            decode_name(from_.in, value, where, out_.name);
            if (out_.name.size() > longest_name)
              report().error(value.place, where,
                             "the name has " + std::to_string(out_.name.size()) + " characters, expected at most " +
                                 std::to_string(longest_name));
          } else if (name == "workflow") {
            out_.body = scope_ptr{decode_scope_map(from_, value, where, depth_ + 1, notes_.inner.emplace_back())};
          } else if (name == "branches") {
            branches_body branches;
            read_scopes(value, where, "branch", branches.branches);
            out_.body = std::move(branches);
          } else if (name == "switch") {
            read_switch(value, where);
          } else if (name == "retry" || name == "timeout" || name == "cache") {
            report().error(value.place, where,
                           "`" + std::string{name} + "` is of a task or a group, not of a `" + std::string{body} + "`",
                           "write it at the tasks inside");
          } else {
            common(name, value, where);
          }
        });
  }

  /// Scopes by name, in the order of the file.
  void read_scopes(value_at x, const field_path& path, const std::string& what,
                   std::vector<std::pair<std::string, scope_ptr>>& out) {
    std::vector<map_entry> entries;
    if (!from_.in.map(x, path, entries))
      return;
    if (entries.empty())
      report().error(x.place, path, "expected at least one " + what);
    for (const auto& entry : entries) {
      auto name = text_of_key(entry.key);
      const auto where = path.field(name);
      check_scope_name(name, what, entry.key_place, where);
      if (std::any_of(out.begin(), out.end(), [&](const auto& other) { return other.first == name; }))
        report().error(entry.key_place, where, "the " + what + " '" + name.substr(0, 80) + "' is there twice");
      out.emplace_back(std::move(name),
                       scope_ptr{decode_scope_map(from_, entry.value, where, depth_ + 1, notes_.inner.emplace_back())});
    }
  }

  /// It becomes a part of the names of the tasks inside, and those of folders.
  void check_scope_name(const std::string& name, const std::string& what, yaml::mark place, const field_path& where) {
    if (name == "on_failure" || (what == "case" && name == "default")) {
      report().error(place, where, "a " + what + " cannot be named " + name + ", which means something else",
                     name == "default" ? "write `default:` beside `cases`" : "");
      return;
    }
    const auto may_stand = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    };
    const bool good = what == "branch" ? is_name(name) : std::all_of(name.begin(), name.end(), may_stand);
    if (good && !name.empty() && name.size() <= longest_name)
      return;
    const auto rule = what == "branch" ? "the name of a branch: a letter, then letters, digits, '-' or '_'"
                                       : "a case of letters, digits, '-' and '_'";
    report().error(place, where,
                   std::string{"expected "} + rule + ", at most " + std::to_string(longest_name) + ", found '" +
                       name.substr(0, 80) + "'",
                   what == "case" ? "the names of its tasks begin with it; let `value` choose a word: \"'half' if x == "
                                    "0.5 else 'other'\""
                                  : "");
  }

  void read_switch(value_at x, const field_path& path) {
    switch_body body;
    each_field(from_.in, x, path, names{"value", "cases", "default"}, {"value", "cases"},
               [&](std::string_view name, value_at value, const field_path& where) {
                 if (name == "value")
                   (void)decode_expression(from_, value, where, sight::round, body.value, notes_.mentions);
                 else if (name == "cases")
                   read_scopes(value, where, "case", body.cases);
                 else
                   body.otherwise = decode_scope_map(from_, value, where, depth_ + 1, notes_.inner.emplace_back());
               });
    out_.body = std::move(body);
  }

  // -- what is common to all

  [[nodiscard]] std::function<void(std::string_view, value_at, const field_path&)> use_common() {
    return [this](std::string_view name, value_at value, const field_path& where) { read_common(name, value, where); };
  }

  void read_common(std::string_view name, value_at value, const field_path& where) {
    if (name == "after") {
      decode_after(from_, value, where, out_.after, notes_.mentions);
    } else if (name == "when") {
      (void)decode_expression(from_, value, where, sight::element, out_.when, notes_.mentions);
    } else if (name == "repeat") {
      decode_repeat(from_, value, where, out_.repeat.emplace(), notes_.mentions);
    } else if (name == "on_failure") {
      out_.on_failure = decode_handler(from_, value, where, depth_ + 1, notes_.handler.emplace_back());
    } else if (name == "retry") {
      decode_retry(from_, value, where, out_.retry.emplace());
    } else if (name == "timeout") {
      duration time{};
      if (!decode_duration(from_.in, value, where, time))
        return;
      if (time <= duration::zero())
        from_.in.refuse(value, where, "a duration above 0");
      out_.timeout = time;
    } else if (name == "cache") {
      read_cache(value, where);
    } else if (name == "foreach") {
      has_foreach_ = true;
      decode_items(from_, value, where, fan_.items, notes_.mentions);
    } else {
      read_limit(name, value, where);
    }
  }

  void read_limit(std::string_view name, value_at value, const field_path& where) {
    if (!first_limit_)
      first_limit_.emplace(std::string{name}, value.place);
    std::int64_t count = 0;
    if (name == "max_parallel") {
      if (decode_count(from_, value, where, 0, most_elements, count))
        fan_.max_parallel = static_cast<std::uint32_t>(count);
    } else if (name == "max_failures") {
      if (decode_count(from_, value, where, 0, most_elements, count))
        fan_.max_failures = static_cast<std::uint32_t>(count);
    } else if (name == "fail_fast") {
      (void)from_.in.boolean(value, where, fan_.fail_fast);
    } else if (name == "allow_partial") {
      (void)from_.in.boolean(value, where, fan_.allow_partial);
    } else {
      decode_reduce(from_, value, where, fan_.reduce);
    }
  }

  void read_cache(value_at value, const field_path& where) {
    cache_place_ = value.place;
    const bool scalar = from_.in.is_scalar(value);
    if (scalar && from_.in.scalar(value).type == yaml::scalar_type::boolean) {
      if (from_.in.scalar(value).boolean)
        out_.cache = std::string{};
      return;
    }
    std::string key;
    if (!scalar || from_.in.scalar(value).type != yaml::scalar_type::text || from_.in.scalar(value).text.empty()) {
      from_.in.refuse(value, where, "true, false or a key");
      return;
    }
    if (from_.in.text(value, where, key, numbers::refuse))
      out_.cache = std::move(key);
    note_tokens(from_, value, where, sight::round, notes_.mentions);
  }

  void finish(const field_path& path) {
    if (has_foreach_) {
      if (fan_.fail_fast && fan_.max_failures)
        report().error(notes_.start, path, "`fail_fast` and `max_failures` exclude each other",
                       "`fail_fast: true` is `max_failures: 0`");
      out_.foreach = std::move(fan_);
    } else if (first_limit_) {
      report().error(first_limit_->second, path.field(first_limit_->first),
                     "`" + first_limit_->first + "` needs `foreach`");
    }
    if (out_.cache)
      check_cache(path.field("cache"));
  }

  /// What would never be taken from an earlier run is not to look as if it could be.
  void check_cache(const field_path& where) {
    const auto* const gang = std::get_if<group>(&out_.body);
    if (gang == nullptr)
      return;
    if (gang->tasks.size() > 1)
      report().error(cache_place_, where, "`cache` is of a task that runs alone, this group has several",
                     "leave it out, or move what is worth keeping into a task of its own");
    else if (!gang->tasks.empty() && !gang->tasks[0].outputs.empty())
      report().warning(cache_place_, where, "`cache` is without effect: a task that has `outputs` is always run",
                       "outputs are sent elsewhere, which nobody can take from an earlier run");
  }

  const flow_reader& from_;
  std::size_t depth_;
  step& out_;
  step_notes& notes_;
  std::vector<map_entry> entries_;
  spec::foreach fan_;
  bool has_foreach_ = false;
  yaml::mark cache_place_{};
  std::optional<std::pair<std::string, yaml::mark>> first_limit_;
};

} // namespace

const std::vector<std::string_view>& step_keys() {
  static const names keys = {"after",        "when",          "foreach", "max_parallel", "fail_fast",
                             "max_failures", "allow_partial", "reduce",  "repeat",       "on_failure",
                             "retry",        "timeout",       "cache"};
  return keys;
}

void decode_step(const flow_reader& from, value_at x, const field_path& path, entry_kind kind, std::size_t depth,
                 step& out, step_notes& notes) {
  step_reader{from, depth, out, notes}.read(x, path, kind);
}

bool uses_flow(const value_reader& in, value_at x) {
  const auto top = keys_of(in, x);
  for (const auto name : {"steps", "parameters", "result"})
    if (find(top, name) != nullptr)
      return true;
  auto keys = step_keys();
  keys.insert(keys.end(), scope_bodies.begin(), scope_bodies.end());
  const auto has_any = [&](const std::vector<map_entry>& entries) {
    return std::any_of(keys.begin(), keys.end(), [&](std::string_view key) { return find(entries, key) != nullptr; });
  };
  reporter ignored;
  const value_reader quiet{in.document(), ignored};
  const auto items_of = [&](const std::vector<map_entry>& entries, std::string_view name) {
    std::vector<value_at> items;
    const auto* const list = find(entries, name);
    if (list != nullptr && quiet.is_list(list->value))
      (void)quiet.list(list->value, field_path{}, items);
    return items;
  };
  for (const auto name : {"tasks", "groups"})
    for (const auto& item : items_of(top, name)) {
      const auto entries = keys_of(in, item);
      if (has_any(entries))
        return true;
      for (const auto& member : items_of(entries, "tasks"))
        if (has_any(keys_of(in, member)))
          return true;
    }
  // A token is enough: without a flow nobody would replace it.
  const auto& document = in.document();
  for (yaml::node_id id = 0; id < document.size(); ++id)
    if (document.at(id).kind == yaml::kind::scalar && document.text(id).find("{{") != std::string_view::npos &&
        !find_flow_tokens(document.text(id)).empty())
      return true;
  return false;
}

} // namespace muster::spec
