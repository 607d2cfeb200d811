#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/store_writer.hpp"
#include "cli/terminal/text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <iostream>
#include <memory>
#include <thread>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct wait_options {
  std::vector<std::string> ids;
  std::string timeout;
  bool exit_zero = false;
  head_choice head;
};

/// The status that one ended with; asked for less and less often, for a run may take days. Nothing at the deadline.
client::outcome<std::optional<status>> wait_for(client::api& head, const std::string& id,
                                                std::optional<clock::time_point> deadline,
                                                const std::function<bool()>& is_run) {
  for (milliseconds pause{50};; pause = std::min(pause * 3 / 2, milliseconds{2'000})) {
    const auto x = get_json(head, client::path_of({"workflows", id}));
    if (!x && !x.why().unreachable())
      return x.why();
    if (x && is_finished(status_of(*x))) {
      std::cout << id << ' ' << text_of(*x, "status");
      if (const auto reason = text_of(*x, "reason"); !reason.empty())
        std::cout << "  " << printable(reason);
      std::cout << std::endl;
      return std::optional{status_of(*x)};
    }
    if (x && !is_run())
      return client::problem_of(error{ec::conflict, id + " is " + text_of(*x, "status") +
                                                        " and nobody runs it; to go on: muster resume " + id});
    if (deadline && clock::now() >= *deadline)
      return x ? client::outcome<std::optional<status>>{std::optional<status>{}}
               : client::outcome<std::optional<status>>{x.why()};
    if (!x && !deadline && pause >= milliseconds{2'000})
      return x.why();
    std::this_thread::sleep_for(deadline ? std::min<clock::duration>(pause, *deadline - clock::now()) : pause);
  }
}

int wait(const context& ctx, const wait_options& options) {
  auto head = find_reading_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  std::optional<clock::time_point> deadline;
  if (const auto limit = parse_duration(options.timeout))
    deadline = clock::now() + *limit;
  const auto elsewhere = means_other_machine(ctx, options.head);
  const auto directory = find_state_directory(ctx);
  const auto is_run = [&] { return !elsewhere || *elsewhere || !directory || has_writer(*directory); };
  int code = exit_completed;
  for (const auto& name : options.ids) {
    const auto id = workflow_id(**head, name);
    if (!id)
      return report(id.why());
    const auto ended = wait_for(**head, *id, deadline, is_run);
    if (!ended)
      return report(ended.why());
    if (!*ended)
      return report({ec::timed_out, *id + " has not ended within " + options.timeout});
    if (code == exit_completed && !options.exit_zero)
      code = exit_code_of(**ended);
  }
  return code;
}

} // namespace

void add_wait(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("wait", "Wait until workflows have ended");
  auto options = std::make_shared<wait_options>();
  command->add_option("id", options->ids, "Ids of workflows, or 'last'")->type_name("ID")->required();
  command->add_option("--timeout", options->timeout, "Wait no longer, e.g. 90s, 1h30m; exit code 8")
      ->type_name("DURATION")
      ->check([](const std::string& text) {
        return parse_duration(text) ? std::string{} : "'" + text + "' is no duration such as 90s, 15m or 1h30m";
      });
  command->add_flag("--exit-zero", options->exit_zero, "Exit with 0 however they ended");
  add_head_choice(*command, options->head, ctx);
  command->footer("Exits with 3 if one failed.\n\nExample:\n  muster wait $(muster submit train.yaml) --timeout 1h");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return wait(ctx, *options); }; });
}

} // namespace muster::cli
