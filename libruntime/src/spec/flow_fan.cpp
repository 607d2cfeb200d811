#include "spec/flow_decode.hpp"

#include "muster/base/nearest.hpp"
#include "muster/spec/duration.hpp"
#include "muster/state/status.hpp"

#include <algorithm>
#include <array>
#include <limits>

/// `foreach` and what goes with it, `after`, `repeat`, `retry`.
namespace muster::spec {

namespace {

using names = std::vector<std::string_view>;

bool has_key(const std::vector<map_entry>& entries, std::string_view name) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const map_entry& x) { return x.key.type == yaml::scalar_type::text && x.key.text == name; });
}

/// `on`, which YAML 1.1 reads as true.
bool is_on(const yaml::scalar& key) {
  return key.type == yaml::scalar_type::boolean ? key.boolean : key.type == yaml::scalar_type::text && key.text == "on";
}

/// A path such as `step.key`, as in `{{result:path}}`.
bool decode_path(const flow_reader& from, value_at x, const field_path& path, std::string& out) {
  if (!from.in.text(x, path, out, numbers::as_text))
    return false;
  const bool good = !out.empty() && out.front() != '.' && out.back() != '.' && out.find("..") == std::string::npos &&
                    out.find_first_of(" {}") == std::string::npos;
  return good || from.in.refuse(x, path, "a path such as step.key");
}

// -- foreach

void decode_range(const flow_reader& from, value_at x, const field_path& path, item_source& out) {
  each_of_range range;
  bool good = true;
  const bool read = each_field(from.in, x, path, names{"from", "to", "step"}, {"from", "to"},
                               [&](std::string_view name, value_at value, const field_path& where) {
                                 auto& to = name == "from" ? range.from : name == "to" ? range.to : range.step;
                                 good = from.in.integer(value, where, to) && good;
                                 if (name == "step" && good && range.step == 0)
                                   good = from.in.refuse(value, where, "a step that is not 0");
                               });
  if (!read || !good || range.step == 0)
    return;
  const bool empty = range.step > 0 ? range.from > range.to : range.from < range.to;
  // The distance of two numbers of 64 bits fits without a sign.
  const auto low = static_cast<std::uint64_t>(std::min(range.from, range.to));
  const auto high = static_cast<std::uint64_t>(std::max(range.from, range.to));
  const auto width =
      range.step > 0 ? static_cast<std::uint64_t>(range.step) : 0 - static_cast<std::uint64_t>(range.step);
  if (!empty && (high - low) / width >= static_cast<std::uint64_t>(most_elements))
    from.report().error(x.place, path,
                        "the range has more than " + std::to_string(most_elements) + " elements, which is the most");
  out = range;
}

void decode_axes(const flow_reader& from, value_at x, const field_path& path, const std::vector<map_entry>& entries,
                 item_source& out, std::vector<mention>& mentions) {
  each_of_axes axes;
  std::int64_t count = 1;
  for (const auto& entry : entries) {
    const auto key = text_of_key(entry.key);
    const auto where = path.field(key);
    const bool maps = key == "include" || key == "exclude";
    if (!from.in.is_list(entry.value)) {
      from.in.refuse(entry.value, where, "a list of values",
                     "a `foreach` is a list, lists by name, {from, to, step}, {result: path}, {each: step} or an "
                     "expression");
      continue;
    }
    auto list = decode_value(from, entry.value, where);
    note_tokens(from, entry.value, where, sight::outside, mentions);
    const auto bad = std::find_if(list.items().begin(), list.items().end(),
                                  [](const template_value& item) { return !item.is(template_value::type::dict); });
    if (maps && bad != list.items().end())
      from.report().error(entry.value.place, where, "expected a list of mappings");
    else if (maps)
      (key == "include" ? axes.include : axes.exclude) = std::move(list.items());
    else {
      const auto size = static_cast<std::int64_t>(list.items().size());
      count = size != 0 && count > most_elements / size ? most_elements + 1 : count * size;
      axes.axes.emplace_back(key, std::move(list.items()));
    }
  }
  if (axes.axes.empty() && axes.include.empty() && entries.empty())
    from.report().error(x.place, path, "expected lists by name, found an empty mapping");
  if (count > most_elements)
    from.report().error(x.place, path,
                        "the combinations are more than " + std::to_string(most_elements) + ", which is the most");
  out = std::move(axes);
}

} // namespace

void decode_items(const flow_reader& from, value_at x, const field_path& path, item_source& out,
                  std::vector<mention>& mentions) {
  if (from.in.is_list(x)) {
    auto list = decode_value(from, x, path);
    note_tokens(from, x, path, sight::outside, mentions);
    if (static_cast<std::int64_t>(list.items().size()) > most_elements)
      from.report().error(x.place, path, "the list has more than " + std::to_string(most_elements) + " elements");
    out = each_of_list{std::move(list.items())};
    return;
  }
  if (!from.in.is_map(x)) {
    const bool text = from.in.is_scalar(x) && from.in.scalar(x).type == yaml::scalar_type::text;
    each_of_expression expression;
    if (!text)
      from.in.refuse(x, path, "a list, lists by name, {from, to, step}, {result: path}, {each: step} or an expression");
    else if (decode_expression(from, x, path, sight::outside, expression.text, mentions))
      out = std::move(expression);
    return;
  }
  std::vector<map_entry> entries;
  if (!from.in.map(x, path, entries))
    return;
  const auto lone = [&](std::string_view name) {
    return entries.size() == 1 && has_key(entries, name) && from.in.is_scalar(entries[0].value);
  };
  const bool scalars = !entries.empty() && std::all_of(entries.begin(), entries.end(), [&](const map_entry& entry) {
    return from.in.is_scalar(entry.value);
  });
  if (lone("result")) {
    each_of_result source;
    const auto where = path.field("result");
    if (decode_path(from, entries[0].value, where, source.path)) {
      mentions.push_back({mention_kind::result, source.path, sight::outside, entries[0].value.place, where.text()});
      out = std::move(source);
    }
  } else if (lone("each")) {
    each_of_step source;
    const auto where = path.field("each");
    if (from.in.text(entries[0].value, where, source.step, numbers::refuse)) {
      mentions.push_back({mention_kind::each, source.step, sight::outside, entries[0].value.place, where.text()});
      out = std::move(source);
    }
  } else if (scalars && (has_key(entries, "from") || has_key(entries, "to"))) {
    decode_range(from, x, path, out);
  } else {
    decode_axes(from, x, path, entries, out, mentions);
  }
}

void decode_reduce(const flow_reader& from, value_at x, const field_path& path, reduce& out) {
  static const names words = {"collect", "sum", "min", "max", "mean", "best"};
  const auto find = [&](std::string_view word) -> bool {
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end())
      return false;
    out.with = static_cast<reduction>(found - words.begin());
    return true;
  };
  if (!from.in.is_map(x)) {
    std::string word;
    if (!from.in.text(x, path, word, numbers::refuse))
      return;
    if (!find(word))
      from.report().error(x.place, path,
                          "expected collect, sum, min, max, mean or best, found '" + word.substr(0, 80) + "'",
                          did_you_mean(word, words));
    else if (out.with == reduction::best)
      from.report().error(x.place, path, "`best` needs to know by what", "write reduce: {best: {by: accuracy}}");
    return;
  }
  std::size_t count = 0;
  each_field(from.in, x, path, words, {}, [&](std::string_view name, value_at value, const field_path& where) {
    if (++count > 1) {
      from.report().error(value.place, path,
                          "`reduce` takes one word, found a second one: '" + std::string{name} + "'");
      return;
    }
    (void)find(name);
    if (out.with != reduction::best || !from.in.is_map(value)) {
      (void)decode_path(from, value, where, out.path);
      return;
    }
    each_field(from.in, value, where, names{"by", "order"}, {"by"},
               [&](std::string_view key, value_at part, const field_path& part_path) {
                 std::string text;
                 if (key == "by") {
                   (void)decode_path(from, part, part_path, out.path);
                 } else if (from.in.text(part, part_path, text, numbers::refuse)) {
                   if (text != "max" && text != "min")
                     from.in.refuse(part, part_path, "`max` or `min`");
                   out.smallest = text == "min";
                 }
               });
  });
  if (count == 0)
    from.report().error(x.place, path, "expected one of collect, sum, min, max, mean, best");
}

// -- after

namespace {

bool decode_after_on(const flow_reader& from, value_at x, const field_path& path, after_on& out) {
  static const names words = {"success", "success_or_skipped", "failure", "always"};
  std::string word;
  if (!from.in.text(x, path, word, numbers::refuse))
    return false;
  const auto found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) {
    from.report().error(x.place, path,
                        "expected success, success_or_skipped, failure or always, found '" + word.substr(0, 80) + "'",
                        did_you_mean(word, words));
    return false;
  }
  out = static_cast<after_on>(found - words.begin() + 1);
  return true;
}

class after_list {
public:
  after_list(const flow_reader& from, std::vector<after>& out, std::vector<mention>& mentions)
      : from_(from), out_(out), mentions_(mentions) {}

  void add(value_at x, const field_path& path, after_on on) {
    std::string name;
    if (!from_.in.text(x, path, name, numbers::refuse))
      return;
    const bool twice = std::any_of(out_.begin(), out_.end(), [&](const after& a) { return a.step == name; });
    if (twice)
      from_.report().error(x.place, path, "step '" + name.substr(0, 80) + "' is named by `after` already");
    mentions_.push_back({mention_kind::after, name, sight::outside, x.place, path.text()});
    out_.push_back({std::move(name), on});
  }

  void add_map(value_at x, const field_path& path) {
    std::vector<map_entry> entries;
    if (!from_.in.map(x, path, entries))
      return;
    after_on on = after_on::success;
    std::optional<value_at> one;
    std::optional<value_at> many;
    for (const auto& entry : entries) {
      if (is_on(entry.key))
        (void)decode_after_on(from_, entry.value, path.field("on"), on);
      else if (entry.key.type == yaml::scalar_type::text && entry.key.text == "task")
        one = entry.value;
      else if (entry.key.type == yaml::scalar_type::text && entry.key.text == "tasks")
        many = entry.value;
      else
        report_unknown_key(from_.in, entry, path, names{"task", "tasks", "on"});
    }
    if (one.has_value() == many.has_value()) {
      from_.report().error(x.place, path,
                           one ? "`task` and `tasks` exclude each other" : "`task` or `tasks` is missing");
      return;
    }
    if (one)
      add(*one, path.field("task"), on);
    std::vector<value_at> items;
    const auto where = path.field("tasks");
    if (many && from_.in.list(*many, where, items))
      for (std::size_t i = 0; i < items.size(); ++i)
        add(items[i], where.item(i), on);
  }

  void add_any(value_at x, const field_path& path) {
    if (from_.in.is_map(x))
      add_map(x, path);
    else
      add(x, path, after_on::success);
  }

private:
  const flow_reader& from_;
  std::vector<after>& out_;
  std::vector<mention>& mentions_;
};

} // namespace

void decode_after(const flow_reader& from, value_at x, const field_path& path, std::vector<after>& out,
                  std::vector<mention>& mentions) {
  after_list list{from, out, mentions};
  if (!from.in.is_list(x)) {
    list.add_any(x, path);
    return;
  }
  std::vector<value_at> items;
  if (from.in.list(x, path, items))
    for (std::size_t i = 0; i < items.size(); ++i)
      list.add_any(items[i], path.item(i));
}

// -- repeat, retry

void decode_repeat(const flow_reader& from, value_at x, const field_path& path, repeat& out,
                   std::vector<mention>& mentions) {
  each_field(from.in, x, path, names{"until", "max", "carry"}, {"max"},
             [&](std::string_view name, value_at value, const field_path& where) {
               std::int64_t count = 0;
               std::vector<map_entry> entries;
               if (name == "until") {
                 (void)decode_expression(from, value, where, sight::until, out.until, mentions);
               } else if (name == "max") {
                 if (decode_count(from, value, where, 1, most_elements, count))
                   out.max = static_cast<std::uint32_t>(count);
               } else if (from.in.map(value, where, entries)) {
                 for (const auto& entry : entries) {
                   const auto key = text_of_key(entry.key);
                   out.carry.emplace_back(key, decode_value(from, entry.value, where.field(key)));
                   note_tokens(from, entry.value, where.field(key), sight::element, mentions);
                 }
               }
             });
}

namespace {

void decode_retry_reason(const flow_reader& from, value_at x, const field_path& path, retry& out) {
  std::string text;
  if (!from.in.text(x, path, text, numbers::as_text) || parse_exit_codes(text, out.codes))
    return;
  if (const auto status = parse_status(text); status && is_failed(*status)) {
    out.statuses.push_back(text);
    return;
  }
  std::vector<std::string> all;
  for (int i = static_cast<int>(status::failed); i <= static_cast<int>(status::failed_submission); ++i)
    all.emplace_back(to_string(static_cast<status>(i)));
  from.report().error(x.place, path,
                      "expected exit codes such as 2-5 or the name of a status such as FAILED_EVICTED, found '" +
                          text.substr(0, 80) + "'",
                      did_you_mean(text, names{all.begin(), all.end()}));
}

} // namespace

void decode_retry(const flow_reader& from, value_at x, const field_path& path, retry& out) {
  constexpr std::int64_t most = 1000;
  std::int64_t count = 0;
  if (!from.in.is_map(x)) {
    if (decode_count(from, x, path, 0, most, count))
      out.max = static_cast<std::uint32_t>(count);
    return;
  }
  std::vector<map_entry> entries;
  if (!from.in.map(x, path, entries))
    return;
  if (!has_key(entries, "max"))
    from.report().error(x.place, path, "`max` is missing");
  for (const auto& entry : entries) {
    const auto where = path.field(is_on(entry.key) ? "on" : std::string_view{entry.key.text});
    const bool text = entry.key.type == yaml::scalar_type::text;
    duration backoff{};
    if (is_on(entry.key)) {
      std::vector<value_at> items;
      if (!from.in.is_list(entry.value))
        decode_retry_reason(from, entry.value, where, out);
      else if (from.in.list(entry.value, where, items))
        for (std::size_t i = 0; i < items.size(); ++i)
          decode_retry_reason(from, items[i], where.item(i), out);
    } else if (text && entry.key.text == "max") {
      if (decode_count(from, entry.value, where, 0, most, count))
        out.max = static_cast<std::uint32_t>(count);
    } else if (text && entry.key.text == "backoff") {
      if (!decode_duration(from.in, entry.value, where, backoff))
        continue;
      if (backoff < duration::zero())
        from.in.refuse(entry.value, where, "a duration that is not negative");
      out.backoff = backoff;
    } else {
      report_unknown_key(from.in, entry, path, names{"max", "backoff", "on"});
    }
  }
}

} // namespace muster::spec
