#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/event_reading.hpp"
#include "cli/remote/store_writer.hpp"
#include "cli/terminal/text.hpp"
#include "gateway/client/events.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <functional>
#include <iostream>
#include <memory>
#include <utility>

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

/// One workflow, until it has ended: how it stands, and then the events that follow that.
class end_watch {
public:
  /// `is_run` says whether anybody works on it, as far as that can be told.
  end_watch(client::api& head, std::string id, std::optional<clock::time_point> deadline, std::function<bool()> is_run)
      : head_(head), id_(std::move(id)), deadline_(deadline), is_run_(std::move(is_run)) {}

  /// The status that it ended with; nothing at the deadline.
  client::outcome<std::optional<status>> wait() {
    for (;;) {
      // Asked first: who has run it to its end may be gone when the answer comes.
      const bool runs = goes_on();
      client::request x;
      x.path = client::path_of({"workflows", id_});
      const auto got = head_.send(x);
      if (!got)
        return got.why();
      const auto now = nlohmann::ordered_json::parse(got->body, nullptr, false);
      if (is_finished(status_of(now)))
        return std::optional{ended(status_of(now), text_of(now, "reason"))};
      if (!runs)
        return client::problem_of(error{ec::conflict, id_ + " is " + text_of(now, "status") +
                                                          " and nobody runs it; to go on: muster resume " + id_});
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
    handler.tick = [this] { return (!deadline_ || clock::now() < *deadline_) && goes_on(); };
    handler.on_lost = [this](const client::problem& why) {
      if (!std::exchange(away_, true))
        std::cerr << "muster: " << why.detail << "; trying again" << std::endl;
    };
    const client::event_request which{after, {{"workflow", id_}, {"type", "workflow.status"}}};
    const auto done = client::follow_events(head_, which, handler);
    return done ? client::outcome<std::optional<status>>{end} : done.why();
  }

  /// False where nobody runs it. Who has just seen it run gives a head some time to come back.
  bool goes_on() {
    constexpr std::chrono::seconds patience{30};
    constexpr milliseconds interval{500};
    const auto now = clock::now();
    if (asked_ && now - *asked_ < interval)
      return goes_on_;
    asked_ = now;
    if (is_run_()) {
      last_run_ = now;
      told_ = false;
    } else if (last_run_ && !std::exchange(told_, true)) {
      std::cerr << "muster: nobody runs " << id_ << " any more; waiting for a head to come back" << std::endl;
    }
    goes_on_ = last_run_ && now - *last_run_ < patience;
    return goes_on_;
  }

  status ended(status how, const std::string& reason) const {
    std::cout << id_ << ' ' << to_string(how) << (reason.empty() ? "" : "  " + printable(reason)) << std::endl;
    return how;
  }

  client::api& head_;
  std::string id_;
  std::optional<clock::time_point> deadline_;
  std::function<bool()> is_run_;
  std::optional<clock::time_point> asked_;
  std::optional<clock::time_point> last_run_;
  bool goes_on_ = true;
  bool told_ = false;
  bool away_ = false;
};

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
    const auto ended = end_watch(**head, *id, deadline, is_run).wait();
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
