#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/event_reading.hpp"
#include "cli/remote/run_watch.hpp"
#include "cli/terminal/text.hpp"
#include "gateway/client/events.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iostream>
#include <memory>
#include <utility>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;

struct wait_options {
  std::vector<std::string> ids;
  std::string timeout;
  bool exit_zero = false;
  head_choice head;
};

/// One workflow, until it has ended: how it stands, and then the events that follow that.
class end_watch {
public:
  end_watch(client::api& head, std::string id, std::optional<clock::time_point> deadline, const run_probe& probe)
      : head_(head), id_(std::move(id)), deadline_(deadline), runs_(probe, id_) {}

  /// The status that it ended with; nothing at the deadline.
  client::outcome<std::optional<status>> wait() {
    for (;;) {
      const bool runs = runs_.goes_on();
      client::request x;
      x.path = client::path_of({"workflows", id_});
      const auto got = head_.send(x);
      if (!got)
        return got.why();
      const auto now = nlohmann::ordered_json::parse(got->body, nullptr, false);
      if (is_finished(status_of(now)))
        return std::optional{ended(status_of(now), text_of(now, "reason"))};
      if (!runs)
        return nobody_runs(now);
      if (deadline_ && clock::now() >= *deadline_)
        return std::optional<status>{};
      const auto followed = follow(std::strtoull(got->header("x-muster-seq").c_str(), nullptr, 10));
      // What the store was restored to is another log: it is asked anew how things stand.
      if (!followed && followed.why().status != 410)
        return followed.why();
      if (followed && *followed)
        return *followed;
    }
  }

private:
  client::outcome<std::optional<status>> follow(std::uint64_t after) {
    std::optional<status> end;
    client::event_handler handler;
    handler.on_event = [&](std::uint64_t, std::string_view line) {
      const auto x = read_event(line);
      away_ = false;
      if (x && x->fact.type == event_type::workflow_status && is_finished(x->fact.status))
        end = ended(x->fact.status, x->fact.text);
      return !end;
    };
    handler.tick = [this] { return (!deadline_ || clock::now() < *deadline_) && runs_.goes_on(); };
    handler.on_lost = [this](const client::problem& why) {
      if (!std::exchange(away_, true))
        std::cerr << "muster: " << why.detail << "; trying again" << std::endl;
    };
    const client::event_request which{after, {{"workflow", id_}, {"type", "workflow.status"}}};
    const auto done = client::follow_events(head_, which, handler);
    return done ? client::outcome<std::optional<status>>{end} : done.why();
  }

  status ended(status how, const std::string& reason) const {
    std::cout << id_ << ' ' << to_string(how) << (reason.empty() ? "" : "  " + printable(reason)) << std::endl;
    return how;
  }

  client::api& head_;
  std::string id_;
  std::optional<clock::time_point> deadline_;
  run_watch runs_;
  bool away_ = false;
};

int wait(const context& ctx, const wait_options& options) {
  auto head = find_reading_api(ctx, options.head);
  if (!head)
    return report(head.failure());
  std::optional<clock::time_point> deadline;
  if (const auto limit = parse_duration(options.timeout))
    deadline = clock::now() + *limit;
  const run_probe probe(ctx, options.head);
  int code = exit_completed;
  for (const auto& name : options.ids) {
    const auto id = workflow_id(**head, name);
    if (!id)
      return report(id.why());
    const auto ended = end_watch(**head, *id, deadline, probe).wait();
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
