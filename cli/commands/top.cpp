#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/commands/signals.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/terminal/text.hpp"
#include "gateway/client/events.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <iostream>
#include <memory>
#include <sstream>
#include <unistd.h>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using json = nlohmann::ordered_json;

struct top_options {
  head_choice head;
  std::size_t most = 30;
  bool once = false;
};

/// What is on the screen: pools, and the workflows that have not ended.
class screen {
public:
  screen(client::api& head, const top_options& options)
      : head_(head), options_(options), look_(style::for_descriptor(STDOUT_FILENO)) {}

  client::outcome<std::string> make() {
    std::ostringstream out;
    out << look_.paint(tone::strong, "muster top") << "  " << head_.name() << '\n';
    append_pools(out);
    const auto listed = append_workflows(out);
    if (!listed)
      return listed.why();
    return out.str();
  }

private:
  /// Only a head has pools; over a directory there is nothing to say.
  void append_pools(std::ostream& out) {
    constexpr std::size_t most = 8;
    (void)each_item(head_, client::path_of({"pools"}), {}, most, [&](const json& x) {
      const bool available = x.value("available", false);
      out << "pool " << printable(text_of(x, "name")) << "  "
          << look_.paint(available ? tone::good : tone::bad, available ? "available" : "down") << "  "
          << text_of(x, "placed_tasks") << " running, " << text_of(x, "waiting_gangs") << " waiting\n";
    });
  }

  client::outcome<std::size_t> append_workflows(std::ostream& out) {
    const auto screen_rows = size_of_terminal(STDOUT_FILENO).rows;
    const auto room = std::min(options_.most, screen_rows > 12 ? screen_rows - 8 : std::size_t{4});
    table rows({"WORKFLOW", "STATUS", "TASKS", "DONE", "RUNNING", "FAILED", "FOR", "USER", "REASON"}, look_, out);
    out << '\n';
    std::vector<json> found;
    auto listed = each_item(head_, client::path_of({"workflows"}), {{"unfinished", "true"}}, room + 1,
                            [&](const json& x) { found.push_back(x); });
    if (!listed)
      return listed;
    const bool more = found.size() > room;
    if (more)
      found.pop_back();
    for (const auto& x : found)
      rows.add(cells_of(x));
    rows.flush();
    if (found.empty())
      out << "no workflow is unfinished\n";
    if (more)
      out << "and more: muster ls --unfinished\n";
    return listed;
  }

  std::vector<cell> cells_of(const json& x) {
    const auto one = get_json(head_, client::path_of({"workflows", text_of(x, "id")}));
    const auto counts = one && one->contains("task_counts") ? (*one)["task_counts"] : json::object();
    double failed = 0;
    for (const auto& [name, count] : counts.items())
      if (name.rfind("FAILED", 0) == 0 && count.is_number())
        failed += count.get<double>();
    const auto text = [](double n) { return std::to_string(static_cast<std::uint64_t>(n)); };
    constexpr std::size_t reason_columns = 40;
    return {{printable(text_of(x, "id"))},
            {text_of(x, "status"), tone_of(status_of(x))},
            {text_of(x, "tasks") + (x.value("growing", false) ? "+" : "")},
            {text(number_of(counts, "COMPLETED"))},
            {text(number_of(counts, "RUNNING"))},
            {text(failed), failed > 0 ? tone::bad : tone::plain},
            {elapsed(time_of(x, "submitted"), std::nullopt)},
            {printable(text_of(x, "user"))},
            {cut(printable(text_of(x, "reason")), reason_columns)}};
  }

  client::api& head_;
  const top_options& options_;
  style look_;
};

[[nodiscard]] result<std::unique_ptr<client::api>> find_source(const context& ctx, const head_choice& choice);

/// Draws over what was drawn before.
void draw(const std::string& text) {
  std::cout << "\x1b[H" << text << "\x1b[J" << std::flush;
}

/// Redraws when something has happened, twice a second at most, and every five seconds for the times.
int live(const context& ctx, client::api& head, const top_options& options) {
  constexpr auto soonest = milliseconds{500};
  constexpr auto latest = milliseconds{5000};
  auto inbox = signal_inbox::open();
  if (!inbox)
    return report(inbox.failure());
  auto events = find_source(ctx, options.head);
  if (!events)
    return report(events.failure());
  screen shown(head, options);
  bool changed = true;
  clock::time_point drawn{};
  std::optional<client::problem> broken;
  const auto tick = [&] {
    if (inbox->take() > 0 || !std::cout)
      return false;
    const auto since = clock::now() - drawn;
    if ((!changed || since < soonest) && since < latest)
      return true;
    const auto text = shown.make();
    if (!text && !text.why().unreachable()) {
      broken = text.why();
      return false;
    }
    draw(text ? *text : "muster top  " + text.why().detail + "; trying again\n");
    changed = false;
    drawn = clock::now();
    return true;
  };
  client::event_handler handler;
  handler.on_event = [&](std::uint64_t, std::string_view) { return changed = true; };
  handler.tick = tick;
  std::cout << "\x1b[?1049h\x1b[?25l";
  client::request newest;
  newest.path = client::path_of({"workflows"});
  newest.query = {{"limit", "1"}};
  const auto now = head.send(newest);
  client::event_request what;
  what.after = now ? std::strtoull(now->header("x-muster-seq").c_str(), nullptr, 10) : 0;
  const auto done = client::follow_events(**events, what, handler);
  // Where there are no streams, as over a directory without a head, the clock alone says when to look.
  if (!done && !broken)
    while (tick())
      inbox->wait(milliseconds{100});
  std::cout << "\x1b[?25h\x1b[?1049l" << std::flush;
  return broken ? report(*broken) : exit_completed;
}

/// The head, which knows its pools as well, if it answers; else what is stored.
result<std::unique_ptr<client::api>> find_source(const context& ctx, const head_choice& choice) {
  auto head = find_head_api(ctx, choice);
  if (!head || !*head)
    return head ? find_reading_api(ctx, choice) : std::move(head);
  const auto other = means_other_machine(ctx, choice);
  if (other && !*other && !get_json(**head, client::path_of({"pools"})))
    return find_reading_api(ctx, choice); // It wants a token; who may read the directory needs none.
  return head;
}

int top(const context& ctx, const top_options& options) {
  auto head = find_source(ctx, options.head);
  if (!head)
    return report(head.failure());
  if (!options.once && is_terminal(STDOUT_FILENO))
    return live(ctx, **head, options);
  const auto text = screen(**head, options).make();
  if (!text)
    return report(text.why());
  std::cout << *text;
  return exit_completed;
}

} // namespace

void add_top(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("top", "Show what runs, live");
  auto options = std::make_shared<top_options>();
  command->add_option("--limit", options->most, "At most so many workflows (default: 30)")
      ->type_name("N")
      ->check(CLI::Range(1U, 1000U));
  command->add_flag("--once", options->once, "Print it once, as where stdout is no terminal");
  add_head_choice(*command, options->head, ctx);
  command->footer("Ctrl-C ends it.\n\nExample:\n  muster top --context lab");
  command->callback([&ctx, options] { ctx.action = [&ctx, options] { return top(ctx, *options); }; });
}

} // namespace muster::cli
