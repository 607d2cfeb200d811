#include "muster/flow/difference.hpp"

#include "muster/flow/definition.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace muster::flow {

namespace {

using nlohmann::json;

/// Codecs nest texts of other codecs; these keys hold them.
bool is_nested_text(const std::string& key, const json& x) {
  return x.is_string() && (key == "scope" || key == "request" || key == "body" || key == "resources");
}

/// Keys that say nothing to people: what is in them is found by its name.
bool is_wrapper(const std::string& key) {
  return key == "scope" || key == "steps" || key == "group" || key == "groups" || key == "tasks" || key == "body" ||
         key == "workflow";
}

json unfolded(const std::string& key, const json& x) {
  if (!is_nested_text(key, x))
    return x;
  auto inner = json::parse(x.get_ref<const std::string&>(), nullptr, false);
  return inner.is_object() ? inner : x;
}

/// Whether a list is one of things that have names, each its own.
bool is_of_named(const json& x) {
  std::set<std::string> names;
  return x.is_array() && !x.empty() && std::all_of(x.begin(), x.end(), [&names](const json& entry) {
           const auto name = entry.is_object() ? entry.find("name") : entry.end();
           return entry.is_object() && name != entry.end() && name->is_string() &&
                  names.insert(name->get<std::string>()).second;
         });
}

json by_name(const json& list) {
  auto out = json::object();
  for (const auto& entry : list)
    out[entry["name"].get_ref<const std::string&>()] = entry;
  return out;
}

std::string shortened(const json& x) {
  constexpr std::size_t longest = 100;
  auto text = x.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= longest)
    return text;
  auto end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end) + "...";
}

/// Two long texts are shown from shortly before where they part.
std::pair<std::string, std::string> shown(const json& before, const json& after) {
  constexpr std::size_t context = 20;
  constexpr std::size_t longest = 100;
  if (!before.is_string() || !after.is_string())
    return {shortened(before), shortened(after)};
  const auto& a = before.get_ref<const std::string&>();
  const auto& b = after.get_ref<const std::string&>();
  if (a.size() <= longest && b.size() <= longest)
    return {shortened(before), shortened(after)};
  auto part = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin()).first -
      a.begin());
  part = part > context ? part - context : 0;
  const std::string dots = part > 0 ? "..." : "";
  return {dots + shortened(a.substr(part)), dots + shortened(b.substr(part))};
}

class comparison {
public:
  explicit comparison(std::size_t most) : most_(most) {}

  /// `step` is the path of names, `field` that of keys within the named thing.
  void compare(const std::string& step, const std::string& field, const json& before, const json& after) {
    if (before == after)
      return;
    const bool named = (is_of_named(before) || before.empty()) && (is_of_named(after) || after.empty()) &&
                       before.is_array() && after.is_array();
    if (named)
      return compare_named(step, by_name(before), by_name(after));
    if (before.is_object() && after.is_object() && before.find("map") == before.end())
      return compare_fields(step, field, before, after);
    const auto [a, b] = shown(before, after);
    add(step, field, a + " -> " + b);
  }

  std::vector<std::string> take() {
    if (skipped_ > 0)
      lines_.push_back("and " + std::to_string(skipped_) + " more");
    return std::move(lines_);
  }

private:
  void compare_named(const std::string& step, const json& before, const json& after) {
    for (const auto& [name, x] : before.items()) {
      const auto path = below(step, name);
      const auto other = after.find(name);
      if (other == after.end())
        add(path, "", "is not there any more");
      else
        compare(path, "", x, *other);
    }
    for (const auto& [name, x] : after.items())
      if (before.find(name) == before.end())
        add(below(step, name), "", "is new");
  }

  void compare_fields(const std::string& step, const std::string& field, const json& before, const json& after) {
    std::set<std::string> keys;
    for (const auto* side : {&before, &after})
      for (const auto& [key, x] : side->items())
        keys.insert(key);
    for (const auto& key : keys) {
      const auto a = before.find(key);
      const auto b = after.find(key);
      auto inner = field;
      if (!is_wrapper(key))
        inner.append(field.empty() ? "" : ".").append(key);
      if ((a == before.end() || b == after.end()) && (is_wrapper(key) || is_of_named(a == before.end() ? *b : *a)))
        compare_with_nothing(step, inner, unfolded(key, a == before.end() ? *b : *a), a == before.end());
      else if (a == before.end())
        add(step, inner, shortened(unfolded(key, *b)) + " is new");
      else if (b == after.end())
        add(step, inner, shortened(unfolded(key, *a)) + " is not there any more");
      else
        compare(step, inner, unfolded(key, *a), unfolded(key, *b));
    }
  }

  /// What only one side has, piece by piece.
  void compare_with_nothing(const std::string& step, const std::string& field, const json& x, bool is_new) {
    const json nothing = x.is_object() ? json::object() : json::array();
    compare(step, field, is_new ? nothing : x, is_new ? x : nothing);
  }

  /// The group of a plain task has the task's name, and a task of a flow stands below a step of its name.
  static std::string below(const std::string& step, const std::string& name) {
    const auto at = step.rfind('.');
    const auto last = at == std::string::npos ? step : step.substr(at + 1);
    const auto around = at == std::string::npos ? std::string{} : step.substr(0, at + 1);
    if (last == name || last == name + "-group")
      return around + name;
    return step.empty() ? name : step + '.' + name;
  }

  void add(const std::string& step, const std::string& field, const std::string& what) {
    if (lines_.size() >= most_) {
      ++skipped_;
      return;
    }
    std::string line;
    for (const auto* part : {&step, &field})
      if (!part->empty())
        line += *part + ": ";
    lines_.push_back(line + what);
  }

  std::size_t most_;
  std::size_t skipped_ = 0;
  std::vector<std::string> lines_;
};

json parsed(std::string_view text) {
  auto x = json::parse(text, nullptr, false);
  return x.is_discarded() ? json(text) : x;
}

} // namespace

std::string outline(const plan& x) {
  auto groups = json::array();
  for (auto g = x.first_group(); g != x.end_group(); ++g.value) {
    const auto row = x.row(g);
    auto after = json::array();
    for (const auto up : row.upstream)
      after.push_back(x.group_name(up));
    auto tasks = json::array();
    const auto range = x.tasks(g);
    for (std::uint32_t i = 0; i < range.count; ++i) {
      const auto task = x.row(task_index{range.first.value + i});
      tasks.push_back({{"name", task.name}, {"lead", task.lead}, {"request", task.resource}, {"body", task.body}});
    }
    groups.push_back({{"name", row.name},
                      {"barrier", row.barrier},
                      {"ignore_nonlead_status", row.ignore_nonlead_status},
                      {"after", std::move(after)},
                      {"tasks", std::move(tasks)}});
  }
  return json{{"groups", std::move(groups)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

result<std::string> outline(const spec::workflow& x) {
  if (x.flow)
    return encode_definition(x);
  const auto made = make_plan(x);
  if (!made)
    return made.failure();
  return outline(*made);
}

std::vector<std::string> differences(std::string_view before, std::string_view after, std::size_t most) {
  comparison both{most};
  both.compare("", "", parsed(before), parsed(after));
  return both.take();
}

} // namespace muster::flow
