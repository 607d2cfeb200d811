#include "cli/remote/remote_run.hpp"

#include "cli/commands/errors.hpp"
#include "cli/commands/failure_report.hpp"
#include "cli/commands/signals.hpp"
#include "cli/commands/wanted_end.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/remote_watch.hpp"
#include "cli/remote/submission.hpp"
#include "cli/terminal/run_view.hpp"
#include "cli/terminal/text.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;
using json = nlohmann::ordered_json;

/// The last event that the head knows of; 0 if it has none.
std::uint64_t sequence_of(client::api& head) {
  client::request x;
  x.path = client::path_of({"workflows"});
  x.query = {{"limit", "1"}};
  const auto got = head.send(x);
  return got ? std::strtoull(got->header("x-muster-seq").c_str(), nullptr, 10) : 0;
}

/// One workflow on a head, from its acceptance to its end, as one command shows it.
class session {
public:
  session(client::api& events, client::api& head, signal_inbox& inbox, const head_choice& choice,
          const remote_run_options& options)
      : events_(events), head_(head), inbox_(inbox), choice_(choice), options_(options) {
    if (const auto limit = parse_duration(options.timeout))
      deadline_ = clock::now() + *limit;
  }

  int run(const give& begin) {
    const auto after = sequence_of(head_);
    const auto began = clock::now();
    const auto given = begin(head_);
    if (given.id.empty())
      return given.code;
    id_ = given.id;
    if (options_.detach) {
      std::cout << id_ << '\n';
      return exit_completed;
    }
    const auto workflow = get_json(head_, client::path_of({"workflows", id_}));
    if (!workflow)
      return report(workflow.why());
    announce(*workflow);
    const auto ended = watch(after);
    if (view_)
      view_->close();
    if (!ended)
      return report_lost(ended.why());
    if (!*ended)
      return leave();
    return conclude(**ended, std::chrono::duration_cast<duration>(clock::now() - began));
  }

private:
  [[nodiscard]] bool live() const { return options_.output == "text" && is_terminal(STDOUT_FILENO); }

  void announce(const json& workflow) {
    const auto tasks = static_cast<std::uint64_t>(number_of(workflow, "tasks"));
    const bool growing = workflow.value("growing", false);
    if (options_.output == "json") {
      view_ = make_json_view();
      return;
    }
    if (!options_.quiet || live())
      std::cout << id_ << ": "
                << (growing ? std::string{"its tasks come while it runs"}
                            : count_of(static_cast<std::uint64_t>(number_of(workflow, "groups")), "group") + ", " +
                                  count_of(tasks, "task"))
                << std::endl;
    store::workflow_record record;
    record.id = id_;
    record.tasks = static_cast<std::uint32_t>(tasks);
    if (live())
      view_ = make_live_view(record, growing ? 0 : tasks);
    else if (!options_.quiet)
      view_ = make_plain_view();
  }

  client::outcome<std::optional<status>> watch(std::uint64_t after) {
    remote_watch_handler handler;
    handler.on_event = [this](const store::named_event& x) {
      away_ = false;
      if (view_)
        view_->on_event(x);
    };
    if (!options_.quiet && options_.output == "text")
      handler.on_line = [this](const log_line& x) { view_->on_line(x); };
    handler.tick = [this] {
      if (view_)
        view_->tick();
      return check_requests();
    };
    handler.on_lost = [this](const client::problem& why) {
      if (!away_)
        note(why.detail + "; trying again");
      away_ = true;
    };
    return watch_on_head(events_, head_, id_, after, {}, handler);
  }

  void note(const std::string& text) {
    if (view_)
      view_->note(text);
    else
      std::cerr << text << std::endl;
  }

  std::optional<wanted_end::refusal> cancel(const std::string& message, bool force) {
    const auto done = send_json(head_, "POST", client::path_of({"workflows", id_, "cancel"}),
                                {{"message", message}, {"force", force}}, true);
    if (done)
      return std::nullopt;
    const auto& why = done.why();
    if (why.status == 409) // It ended meanwhile.
      return wanted_end::refusal{{}, true};
    return wanted_end::refusal{why.detail, !why.unreachable() && why.status < 500};
  }

  /// Acts on signals and on the deadline. False once the user wants to leave.
  bool check_requests() {
    while (inbox_.next()) {
      ++requests_;
      if (requests_ == 1) {
        note("canceling " + id_ + "; once more kills its tasks");
        end_.want("canceled by a signal to muster run", false);
      } else if (requests_ == 2) {
        note("killing the tasks of " + id_);
        end_.want("killed by a signal to muster run", true);
      } else {
        return false;
      }
    }
    if (deadline_ && clock::now() >= *deadline_) {
      deadline_.reset();
      timed_out_ = true;
      note("canceling " + id_ + ": it ran longer than --timeout " + options_.timeout);
      end_.want("--timeout " + options_.timeout + " has passed", false);
    }
    end_.go_on();
    return true;
  }

  int leave() const {
    std::cerr << "muster: leaving " << id_ << " to " << head_.name() << std::endl;
    return exit_interrupted;
  }

  int report_lost(const client::problem& why) {
    const int code = report(why);
    std::cerr << "muster: " << id_ << " goes on without being watched; '" << command_line("wait " + id_, choice_)
              << "' waits for its end\n";
    return code;
  }

  int conclude(status ended, duration took) {
    if (ended == status::completed) {
      if (options_.output == "text")
        std::cout << id_ << ' ' << to_string(ended) << " in " << show_duration(took) << std::endl;
      return exit_completed;
    }
    std::cout.flush();
    report_failure(head_,
                   {id_, show_duration(took), [this](const std::string& what) { return command_line(what, choice_); }},
                   std::cerr);
    if (requests_ > 0)
      return exit_interrupted;
    return timed_out_ ? exit_timeout : exit_code_of(ended);
  }

  client::api& events_;
  client::api& head_;
  signal_inbox& inbox_;
  const head_choice& choice_;
  const remote_run_options& options_;
  std::string id_;
  std::unique_ptr<run_view> view_;
  std::optional<clock::time_point> deadline_;
  wanted_end end_{[this](const std::string& message, bool force) { return cancel(message, force); },
                  [this](const std::string& text) { note(text); }};
  unsigned requests_ = 0;
  bool timed_out_ = false;
  bool away_ = false;
};

} // namespace

int run_on_head(const context& ctx, const head_choice& choice, const remote_run_options& options, const give& begin) {
  std::signal(SIGPIPE, SIG_IGN);
  auto inbox = signal_inbox::open();
  if (!inbox)
    return report(inbox.failure());
  auto events = require_head(ctx, choice);
  auto head = require_head(ctx, choice);
  if (!events || !head)
    return report_no_head(events ? head.failure() : events.failure());
  return session(**events, **head, *inbox, choice, options).run(begin);
}

} // namespace muster::cli
