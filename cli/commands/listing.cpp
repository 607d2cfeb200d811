#include "cli/commands/listing.hpp"

#include "cli/remote/answers.hpp"
#include "cli/suggest.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <utility>

namespace muster::cli {

std::string check_count(const std::string& text) {
  constexpr std::size_t most_digits = 18;
  const bool good =
      !text.empty() && text.size() <= most_digits && text.find_first_not_of("0123456789") == std::string::npos;
  return good ? std::string{} : "'" + text + "' is no number from 0 on";
}

std::vector<std::string> all_status_names() {
  std::vector<std::string> names;
  for (unsigned number = 1; number < 64; ++number)
    if (auto name = to_string(static_cast<status>(number)); parse_status(name) == static_cast<status>(number))
      names.emplace_back(name);
  return names;
}

void add_choice(CLI::App& command, const char* name, std::string& into, const char* text,
                const std::vector<std::string>& choices) {
  std::string type;
  for (const auto& choice : choices)
    type += (type.empty() ? "" : "|") + choice;
  command.add_option(name, into, text)->type_name(type)->check([choices, type](const std::string& word) {
    return std::find(choices.begin(), choices.end(), word) != choices.end()
               ? std::string{}
               : "expected " + type + ", found '" + word + "'" + did_you_mean(word, choices);
  });
}

void add_list_format(CLI::App& command, list_format& format, bool* wide) {
  static const std::map<std::string, list_format> formats{{"table", list_format::table},
                                                          {"wide", list_format::table},
                                                          {"json", list_format::json},
                                                          {"jsonl", list_format::jsonl},
                                                          {"name", list_format::name}};
  std::vector<std::string> names{"table", "json", "jsonl", "name"};
  if (wide != nullptr)
    names.insert(names.begin() + 1, "wide");
  command
      .add_option_function<std::string>(
          "-o,--output",
          [&format, wide](const std::string& name) {
            format = formats.at(name);
            if (wide != nullptr)
              *wide = name == "wide";
          },
          "How to print it")
      ->type_name(wide != nullptr ? "table|wide|json|jsonl|name" : "table|json|jsonl|name")
      ->check([names](const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end()
                   ? std::string{}
                   : "unknown format '" + name + "'" + did_you_mean_or_known(name, names);
      });
}

void add_text_or_json(CLI::App& command, std::string& format) {
  add_choice(command, "-o,--output", format, "How to print it (default: text)", {"text", "json"});
}

void add_state_dir(CLI::App& command, context& ctx) {
  command.add_option("--state-dir", ctx.state_dir, "State directory (else MUSTER_STATE_DIR)")->type_name("DIR");
}

result<store::state_directory> find_state_directory(const context& ctx) {
  if (ctx.state_dir.empty())
    return store::state_directory::resolve([](const char* name) -> const char* { return std::getenv(name); });
  std::error_code problem;
  auto path = std::filesystem::absolute(ctx.state_dir, problem);
  if (problem)
    return {ec::invalid_argument, "state directory '" + ctx.state_dir + "': " + problem.message()};
  return store::state_directory{std::move(path)};
}

result<store::workflow_record> find_workflow(store::reader& reader, const std::string& id) {
  if (id.empty())
    return {ec::invalid_argument, std::string{empty_id}};
  if (id != "last")
    return reader.workflow(id);
  store::workflow_query newest;
  newest.limit = 1;
  auto found = reader.workflows(newest);
  if (!found)
    return found.failure();
  if (found->empty())
    return {ec::not_found, "there is no workflow yet"};
  return std::move(found->front());
}

result<std::vector<status>> parse_statuses(const std::vector<std::string>& names) {
  std::vector<status> statuses;
  for (const auto& list : names) {
    std::istringstream words(list);
    for (std::string word; std::getline(words, word, ',');) {
      auto name = word;
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
      const auto found = parse_status(name);
      if (!found)
        return {ec::invalid_argument,
                "unknown status '" + word + "'" + did_you_mean_or_known(word, all_status_names())};
      statuses.push_back(*found);
    }
  }
  return statuses;
}

std::string elapsed(std::optional<timestamp> start, std::optional<timestamp> end) {
  if (!start)
    return {};
  const auto until = end ? *end : std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  return show_duration(until - *start);
}

std::string dump(const nlohmann::ordered_json& x, int indent) {
  return x.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void print_held(const nlohmann::ordered_json& workflow) {
  if (const auto why = text_of(workflow, "held"); !why.empty())
    std::cout << "  not live: " << printable(why);
}

json_list::json_list(list_format format) : array_(format == list_format::json) {}

void json_list::add(const nlohmann::ordered_json& x) {
  add_raw(dump(x));
}

void json_list::add_raw(const std::string& line) {
  if (array_)
    std::cout << (first_ ? "[\n" : ",\n") << line;
  else
    std::cout << line << '\n';
  first_ = false;
}

void json_list::finish() {
  if (array_)
    std::cout << (first_ ? "[]\n" : "\n]\n");
}

} // namespace muster::cli
