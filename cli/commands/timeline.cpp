#include "muster/picture/timeline.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <unistd.h>

namespace muster::cli {

namespace {

constexpr std::size_t page_size = 1000;

struct timeline_options {
  std::string id;
  std::string svg; ///< A file; `-` for stdout.
  std::string format = "text";
  std::size_t elements = 50;
};

/// Reads the attempts of one workflow, page by page.
class attempt_reader {
public:
  attempt_reader(store::reader& reader, workflow_key key, bool is_flow)
      : reader_(reader), key_(key), is_flow_(is_flow) {}

  result<void> read(picture::timeline_builder& into) {
    for (task_index first{0};; first.value += page_size) {
      const auto page = reader_.tasks(key_, first, page_size);
      if (!page)
        return page.failure();
      for (const auto& task : *page) {
        if (!task.attempt)
          continue; // It never began.
        auto attempts = task.attempt->number == 0
                            ? result<std::vector<store::attempt_record>>{std::vector{*task.attempt}}
                            : reader_.attempts(key_, task.index);
        if (!attempts)
          return attempts.failure();
        for (auto& x : *attempts)
          if (auto added = add(task, std::move(x), into); !added)
            return added;
      }
      if (page->size() < page_size)
        return {};
    }
  }

private:
  result<void> add(const store::task_record& task, store::attempt_record&& x, picture::timeline_builder& into) {
    const auto& t = x.times;
    const auto queued = t.processing ? t.processing : t.scheduling ? t.scheduling : t.initializing;
    if (!queued && !t.ended)
      return {};
    picture::attempt_bar bar;
    bar.task = task.name;
    bar.attempt = x.number;
    bar.status = x.status;
    bar.exit_code = x.exit_code;
    bar.reason = std::move(x.reason);
    bar.node = std::move(x.node);
    bar.queued = queued ? *queued : *t.ended;
    bar.initializing = t.initializing;
    bar.running = t.running;
    bar.ended = t.ended;
    if (is_flow_) {
      picture::place_in_flow(bar);
    } else {
      auto scope = scope_of(task.group);
      if (!scope)
        return scope.failure();
      bar.scope = std::move(*scope);
    }
    into.add(std::move(bar));
    return {};
  }

  /// Its group, if there are others in it.
  result<std::vector<std::string>> scope_of(group_index group) {
    if (groups_.empty() || group.value < groups_.front().index.value || group.value > groups_.back().index.value) {
      auto page = reader_.groups(key_, group, page_size);
      if (!page)
        return page.failure();
      groups_ = std::move(*page);
    }
    if (groups_.empty())
      return {ec::store_corrupt, "a task is in no group"};
    const auto& found = groups_[group.value - groups_.front().index.value];
    return found.tasks > 1 ? std::vector{found.name} : std::vector<std::string>{};
  }

  store::reader& reader_;
  workflow_key key_;
  bool is_flow_;
  std::vector<store::group_record> groups_; ///< A page.
};

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

result<picture::timeline> read_timeline(store::reader& reader, const store::workflow_record& workflow,
                                        const timeline_options& options) {
  const auto definition = reader.flow(workflow.key);
  if (!definition)
    return definition.failure();
  picture::timeline_limits limits;
  limits.elements = options.elements;
  picture::timeline_builder builder(limits);
  if (auto read = attempt_reader(reader, workflow.key, !definition->empty()).read(builder); !read)
    return read.failure();
  const auto from = workflow.submitted.value_or(timestamp{});
  return builder.finish(workflow.id + "  " + std::string(to_string(workflow.status)), from,
                        workflow.ended ? *workflow.ended : std::max(from, now()));
}

void print_text(const picture::timeline& x) {
  constexpr std::size_t unknown_width = 120;
  const auto look = style::for_descriptor(STDOUT_FILENO);
  const auto width = is_terminal(STDOUT_FILENO) ? size_of_terminal(STDOUT_FILENO).columns : unknown_width;
  std::cout << look.paint(tone::strong, printable(x.title)) << "  " << show_duration(x.to - x.from) << '\n';
  for (const auto& line : to_text(x, width))
    std::cout << (line.status ? look.paint(tone_of(*line.status), line.text) : line.text) << '\n';
  std::cout << look.paint(tone::faint, "· queued  ░ initialising  █ running") << '\n';
}

nlohmann::ordered_json to_json(const picture::timeline_row& row) {
  if (row.band)
    return {{"family", row.label},
            {"attempts", row.band->attempts},
            {"failed", row.band->failed},
            {"running", row.band->running}};
  const auto& x = *row.bar;
  nlohmann::ordered_json out{
      {"task", x.task}, {"attempt", x.attempt}, {"status", to_string(x.status)}, {"reason", x.reason}};
  if (x.exit_code != no_exit_code)
    out["exit_code"] = x.exit_code;
  out["scope"] = x.scope;
  out["node"] = x.node;
  out["queued"] = json_time(x.queued);
  out["initializing"] = json_time(x.initializing);
  out["running"] = json_time(x.running);
  out["ended"] = json_time(x.ended);
  return out;
}

void print_json(const picture::timeline& x, const store::workflow_record& workflow) {
  auto rows = nlohmann::ordered_json::array();
  for (const auto& row : x.rows)
    if (row.bar || row.band)
      rows.push_back(to_json(row));
  const nlohmann::ordered_json out{{"id", workflow.id},
                                   {"status", to_string(workflow.status)},
                                   {"from", json_time(x.from)},
                                   {"to", json_time(x.to)},
                                   {"rows", std::move(rows)}};
  std::cout << dump(out, 1) << '\n';
}

int write_svg(const picture::timeline& x, const std::string& path) {
  const auto text = to_svg(x);
  if (path == "-") {
    std::cout << text;
    return exit_completed;
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  return file ? exit_completed : report({ec::io_error, "cannot write " + path});
}

int show_timeline(const context& ctx, const timeline_options& options) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  auto reader = open_reader(*directory);
  if (!reader)
    return report(reader.failure());
  const auto workflow = find_workflow(*reader, options.id);
  if (!workflow)
    return report(workflow.failure());
  const auto made = read_timeline(*reader, *workflow, options);
  if (!made)
    return report(made.failure());
  if (!options.svg.empty())
    return write_svg(*made, options.svg);
  if (options.format == "svg")
    return write_svg(*made, "-");
  if (options.format == "json")
    print_json(*made, *workflow);
  else
    print_text(*made);
  return exit_completed;
}

} // namespace

void add_timeline(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("timeline", "Show when each attempt of a workflow was queued and ran");
  auto options = std::make_shared<timeline_options>();
  command->add_option("id", options->id, "A workflow's id, or 'last'")->type_name("ID")->required();
  command->add_option("--svg", options->svg, "Write it as a picture; - for stdout")->type_name("PATH");
  add_choice(*command, "-o,--output", options->format, "How to print it (default: text)", {"text", "json", "svg"});
  command
      ->add_option("--elements", options->elements,
                   "Elements of one foreach that get a row each; more share one (default: 50)")
      ->type_name("N")
      ->check(CLI::Range(0U, 100'000U));
  add_state_dir(*command, ctx);
  command->footer("Example:\n  muster timeline last --svg run.svg");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return show_timeline(ctx, *options); }; });
}

} // namespace muster::cli
