#include "cli/remote/answers.hpp"

#include "cli/exit_code.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/spec/load.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

exit_code exit_code_for(const client::problem& x) {
  switch (x.status) {
    case 0: return exit_unreachable;
    case 401:
    case 403: return exit_denied;
    case 404: return exit_not_found;
    case 409:
    case 412: return exit_conflict;
    case 408:
    case 504: return exit_timeout;
    default: return exit_error;
  }
}

std::size_t size_of(const json& x, const char* name) {
  const auto found = x.find(name);
  return found != x.end() && found->is_number_unsigned() ? found->get<std::size_t>() : 0;
}

spec::diagnostic diagnostic_of(const json& x) {
  spec::diagnostic out;
  out.severity = text_of(x, "severity") == "warning" ? spec::severity::warning : spec::severity::error;
  out.file = "spec";
  out.line = size_of(x, "line");
  out.column = size_of(x, "column");
  out.rendered = x.value("rendered", false);
  out.field = text_of(x, "path");
  out.message = text_of(x, "message");
  out.hint = text_of(x, "hint");
  out.source_line = text_of(x, "source");
  return out;
}

client::problem not_json(const std::string& name) {
  return {500, "internal", "the answer of " + name + " is no JSON; is it a head of Muster?", {}};
}

client::outcome<json> json_of(client::api& head, client::outcome<client::reply> got) {
  if (!got)
    return got.why();
  if (got->body.empty())
    return json(nullptr);
  auto x = json::parse(got->body, nullptr, false);
  return x.is_discarded() ? client::outcome<json>{not_json(head.name())} : client::outcome<json>{std::move(x)};
}

} // namespace

int report(const client::problem& why) {
  std::cout.flush();
  const auto document = json::parse(why.body, nullptr, false);
  if (document.is_object())
    if (const auto errors = document.find("errors");
        errors != document.end() && errors->is_array() && !errors->empty()) {
      for (const auto& x : *errors)
        if (x.is_object())
          std::cerr << spec::render(diagnostic_of(x));
      return exit_error;
    }
  std::cerr << "muster: " << printable(why.detail.empty() ? why.code : why.detail);
  if (why.status == 401)
    std::cerr << "; give --token-file, or set MUSTER_TOKEN_FILE. A head without a token of an admin leaves one in its "
                 "state directory, at its start or at SIGHUP: commands of the head's user find it there, also by "
                 "--token-file STATE_DIR/admin.token";
  if (why.unreachable() && why.detail.rfind("no answer from ", 0) == 0)
    std::cerr << "; is a head at work there? --address or --context name another";
  std::cerr << std::endl;
  return exit_code_for(why);
}

client::outcome<json> get_json(client::api& head, const std::string& path, const query_list& query) {
  client::request x;
  x.path = path;
  x.query = query;
  return json_of(head, head.send(x));
}

client::outcome<json> send_json(client::api& head, const std::string& method, const std::string& path, const json& body,
                                bool once) {
  client::request x;
  x.method = method;
  x.path = path;
  x.repeatable = once;
  if (!body.is_null())
    x.body = dump(body);
  return json_of(head, head.send(x));
}

client::outcome<std::size_t> each_item(client::api& head, const std::string& path, query_list query, std::size_t most,
                                       const std::function<void(const json&)>& use) {
  constexpr std::size_t page_size = 500;
  const auto filters = query;
  std::size_t seen = 0;
  std::string cursor;
  while (seen < most) {
    query = filters;
    query.emplace_back("limit", std::to_string(std::min(most - seen, page_size)));
    if (!cursor.empty())
      query.emplace_back("cursor", cursor);
    const auto page = get_json(head, path, query);
    if (!page)
      return page.why();
    if (!page->is_object() || !page->contains("items") || !(*page)["items"].is_array())
      return not_json(head.name());
    for (const auto& x : (*page)["items"]) {
      if (seen++ == most)
        break;
      use(x);
    }
    cursor = text_of(*page, "next");
    if (cursor.empty())
      break;
  }
  return std::min(seen, most);
}

client::outcome<std::vector<json>> attempts_of(client::api& head, const std::string& workflow, const json& task) {
  const auto latest = task.find("attempt");
  if (latest == task.end() || !latest->is_object())
    return std::vector<json>{};
  if (number_of(*latest, "number") == 0)
    return std::vector<json>{*latest};
  constexpr std::size_t most = 1'000'000;
  std::vector<json> out;
  const auto done =
      each_item(head, client::path_of({"workflows", workflow, "tasks", text_of(task, "name"), "attempts"}), {}, most,
                [&out](const json& x) { out.push_back(x); });
  return done ? client::outcome<std::vector<json>>{std::move(out)} : done.why();
}

client::outcome<std::string> workflow_id(client::api& head, const std::string& id) {
  if (id.empty())
    return client::problem_of(error{ec::invalid_argument, std::string{empty_id}});
  if (id != "last")
    return id;
  std::string newest;
  const auto found =
      each_item(head, client::path_of({"workflows"}), {}, 1, [&](const json& x) { newest = text_of(x, "id"); });
  if (!found)
    return found.why();
  if (newest.empty())
    return client::problem{404, "not_found", "there is no workflow yet at " + head.name(), {}};
  return newest;
}

std::string text_of(const json& x, const char* name) {
  const auto found = x.is_object() ? x.find(name) : x.end();
  if (!x.is_object() || found == x.end() || found->is_null())
    return {};
  return found->is_string() ? found->get<std::string>() : dump(*found);
}

std::optional<timestamp> time_of(const json& x, const char* name) {
  const auto text = text_of(x, name);
  std::tm fields{};
  int micros = 0;
  const int read = std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d", &fields.tm_year, &fields.tm_mon,
                               &fields.tm_mday, &fields.tm_hour, &fields.tm_min, &fields.tm_sec);
  constexpr int all = 6;
  if (read != all)
    return std::nullopt;
  if (const auto dot = text.find('.'); dot != std::string::npos) {
    auto digits = text.substr(dot + 1, text.find_first_not_of("0123456789", dot + 1) - dot - 1);
    digits.resize(6, '0');
    micros = std::atoi(digits.c_str());
  }
  fields.tm_year -= 1900;
  fields.tm_mon -= 1;
  return timestamp{std::chrono::seconds{::timegm(&fields)} + std::chrono::microseconds{micros}};
}

status status_of(const json& x) {
  return parse_status(text_of(x, "status")).value_or(status::unspecified);
}

double number_of(const json& x, const char* name) {
  const auto found = x.is_object() ? x.find(name) : x.end();
  return x.is_object() && found != x.end() && found->is_number() ? found->get<double>() : 0;
}

namespace {

std::vector<std::string> header_of(const item_view& view, bool wide) {
  auto out = view.header;
  if (wide)
    out.insert(out.end(), view.wide_header.begin(), view.wide_header.end());
  return out;
}

} // namespace

item_printer::item_printer(item_view view, list_format format, bool wide)
    : view_(std::move(view)), format_(format), wide_(wide && view_.wide_cells),
      rows_(header_of(view_, wide_), style::for_descriptor(STDOUT_FILENO), std::cout), objects_(format) {}

void item_printer::add(const json& x) {
  if (format_ == list_format::name) {
    std::cout << printable(text_of(x, view_.name)) << '\n';
    return;
  }
  if (format_ != list_format::table) {
    objects_.add(x);
    return;
  }
  auto cells = view_.cells(x);
  if (wide_)
    for (auto& more : view_.wide_cells(x))
      cells.push_back(std::move(more));
  for (auto& one : cells)
    one.text = printable(one.text);
  rows_.add(std::move(cells));
}

void item_printer::finish() {
  if (format_ == list_format::table)
    rows_.flush();
  else
    objects_.finish();
}

int print_list(client::api& head, const std::string& path, const query_list& query, std::size_t most,
               const item_view& view, list_format format, bool wide) {
  item_printer printer(view, format, wide);
  const auto done = each_item(head, path, query, most, [&](const json& x) { printer.add(x); });
  if (!done)
    return report(done.why());
  printer.finish();
  return exit_completed;
}

namespace {

/// A member of an object as people read it: bytes with their unit, lists and objects without the signs of JSON.
std::string plain(const json& of, const std::string& name) {
  const auto& x = of.at(name);
  std::string out;
  if (x.is_object()) {
    for (const auto& [key, value] : x.items())
      if (const auto text = plain(x, key); !text.empty())
        out.append(out.empty() ? "" : ", ").append(key).append(" ").append(text);
    return out;
  }
  if (x.is_array()) {
    for (const auto& value : x)
      out.append(out.empty() ? "" : ", ").append(value.is_string() ? value.get<std::string>() : dump(value));
    return out;
  }
  const bool bytes = name == "memory" || name == "storage";
  return bytes && x.is_number_integer() ? show_bytes(x.get<std::int64_t>()) : text_of(of, name.c_str());
}

} // namespace

void print_object(const json& x, list_format format, const char* name) {
  if (format == list_format::name) {
    std::cout << printable(text_of(x, name)) << '\n';
  } else if (format == list_format::json) {
    std::cout << dump(x, 1) << '\n';
  } else if (format == list_format::jsonl) {
    std::cout << dump(x) << '\n';
  } else {
    std::size_t widest = 0;
    for (const auto& [key, value] : x.items())
      widest = std::max(widest, key.size());
    for (const auto& [key, value] : x.items()) {
      const auto text = plain(x, key);
      if (!text.empty())
        std::cout << key << std::string(widest - key.size() + 2, ' ') << printable(text) << '\n';
    }
  }
}

} // namespace muster::cli
