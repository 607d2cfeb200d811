#include "muster/picture/timeline.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "gateway/api/json.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <unistd.h>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t all = 10'000'000;

struct timeline_options {
  std::string id;
  std::string svg; ///< A file; `-` for stdout.
  std::string format = "text";
  std::size_t elements = 50;
  head_choice head;
};

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

/// Reads the attempts of one workflow, page by page.
class attempt_reader {
public:
  attempt_reader(client::api& head, const json& workflow) : head_(head), id_(text_of(workflow, "id")) {
    has_gangs_ = number_of(workflow, "groups") < number_of(workflow, "tasks");
  }

  [[nodiscard]] std::optional<client::problem> read(picture::timeline_builder& into) {
    if (has_gangs_) {
      const auto done = each_item(head_, client::path_of({"workflows", id_, "groups"}), {}, all, [this](const json& x) {
        if (number_of(x, "tasks") > 1)
          gangs_.insert(text_of(x, "name"));
      });
      if (!done)
        return done.why();
    }
    std::optional<client::problem> wrong;
    const auto done = each_item(head_, client::path_of({"workflows", id_, "tasks"}), {}, all, [&](const json& task) {
      const auto attempts =
          wrong ? client::outcome<std::vector<json>>{std::vector<json>{}} : attempts_of(head_, id_, task);
      if (!attempts) {
        wrong = attempts.why();
        return;
      }
      for (const auto& x : *attempts)
        add(task, x, into);
    });
    return done ? wrong : std::optional{done.why()};
  }

private:
  void add(const json& task, const json& x, picture::timeline_builder& into) const {
    const auto times = x.value("times", json::object());
    auto queued = time_of(times, "processing");
    for (const auto* name : {"scheduling", "initializing", "ended"})
      if (!queued)
        queued = time_of(times, name);
    if (!queued)
      return;
    picture::attempt_bar bar;
    bar.task = text_of(task, "name");
    bar.attempt = static_cast<std::uint32_t>(number_of(x, "number"));
    bar.status = status_of(x);
    if (!text_of(x, "exit_code").empty())
      bar.exit_code = static_cast<std::int32_t>(number_of(x, "exit_code"));
    bar.reason = text_of(x, "reason");
    bar.node = text_of(x, "node");
    bar.queued = *queued;
    bar.initializing = time_of(times, "initializing");
    bar.running = time_of(times, "running");
    bar.ended = time_of(times, "ended");
    picture::place_in_flow(bar);
    // Under its group, if there are others in it.
    if (const auto group = text_of(task, "group"); bar.scope.empty() && gangs_.count(group) > 0)
      bar.scope = {group};
    into.add(std::move(bar));
  }

  client::api& head_;
  std::string id_;
  bool has_gangs_ = false;
  std::set<std::string> gangs_;
};

void print_text(const picture::timeline& x) {
  constexpr std::size_t unknown_width = 120;
  const auto look = style::for_descriptor(STDOUT_FILENO);
  const auto width = is_terminal(STDOUT_FILENO) ? size_of_terminal(STDOUT_FILENO).columns : unknown_width;
  std::cout << look.paint(tone::strong, printable(x.title)) << "  " << show_duration(x.to - x.from) << '\n';
  for (const auto& line : to_text(x, width))
    std::cout << (line.status ? look.paint(tone_of(*line.status), line.text) : line.text) << '\n';
  std::cout << look.paint(tone::faint, "· queued  ░ initialising  █ running") << '\n';
}

json to_json(const picture::timeline_row& row) {
  if (row.band)
    return {{"family", row.label},
            {"attempts", row.band->attempts},
            {"failed", row.band->failed},
            {"running", row.band->running}};
  const auto& x = *row.bar;
  json out{{"task", x.task}, {"attempt", x.attempt}, {"status", to_string(x.status)}, {"reason", x.reason}};
  if (x.exit_code != no_exit_code)
    out["exit_code"] = x.exit_code;
  out["scope"] = x.scope;
  out["node"] = x.node;
  out["queued"] = gateway::json_of(std::optional{x.queued});
  out["initializing"] = gateway::json_of(x.initializing);
  out["running"] = gateway::json_of(x.running);
  out["ended"] = gateway::json_of(x.ended);
  return out;
}

void print_json(const picture::timeline& x, const json& workflow) {
  auto rows = json::array();
  for (const auto& row : x.rows)
    if (row.bar || row.band)
      rows.push_back(to_json(row));
  const json out{{"id", workflow["id"]},
                 {"status", workflow["status"]},
                 {"from", gateway::json_of(std::optional{x.from})},
                 {"to", gateway::json_of(std::optional{x.to})},
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
  auto head = find_reading_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  const auto id = workflow_id(**head, options.id);
  if (!id)
    return report(id.why());
  const auto workflow = get_json(**head, client::path_of({"workflows", *id}));
  if (!workflow)
    return report(workflow.why());
  picture::timeline_limits limits;
  limits.elements = options.elements;
  picture::timeline_builder builder(limits);
  if (const auto wrong = attempt_reader(**head, *workflow).read(builder))
    return report(*wrong);
  const auto from = time_of(*workflow, "submitted").value_or(timestamp{});
  const auto made = builder.finish(*id + "  " + text_of(*workflow, "status"), from,
                                   time_of(*workflow, "ended").value_or(std::max(from, now())));
  if (!options.svg.empty() || options.format == "svg")
    return write_svg(made, options.svg.empty() ? "-" : options.svg);
  if (options.format == "json")
    print_json(made, *workflow);
  else
    print_text(made);
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
  add_head_choice(*command, options->head, ctx);
  command->footer("Example:\n  muster timeline last --svg run.svg");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return show_timeline(ctx, *options); }; });
}

} // namespace muster::cli
