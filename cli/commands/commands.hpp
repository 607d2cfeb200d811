#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace muster::cli {

/// What the command line asked for: filled in while it is parsed, run afterwards.
struct context {
  std::string state_dir;       ///< `--state-dir`; empty for the default.
  std::function<int()> action; ///< The chosen command; returns the exit code.
  bool reader_may_go = false;  ///< What the command does counts even if nobody reads to the end what it says.
};

// Each adds one command, with its options and its example, to the program. `ctx` must outlive `app`.

void add_run(CLI::App& app, context& ctx);
void add_resume(CLI::App& app, context& ctx);
void add_retry(CLI::App& app, context& ctx);
void add_validate(CLI::App& app, context& ctx);
void add_plan(CLI::App& app, context& ctx);
void add_ls(CLI::App& app, context& ctx);
void add_show(CLI::App& app, context& ctx);
void add_result(CLI::App& app, context& ctx);
void add_timeline(CLI::App& app, context& ctx);
void add_explain(CLI::App& app, context& ctx);
void add_logs(CLI::App& app, context& ctx);
void add_events(CLI::App& app, context& ctx);
void add_submit(CLI::App& app, context& ctx);
void add_cancel(CLI::App& app, context& ctx);
void add_restart(CLI::App& app, context& ctx);
void add_delete(CLI::App& app, context& ctx);
void add_wait(CLI::App& app, context& ctx);
void add_pool(CLI::App& app, context& ctx);
void add_node(CLI::App& app, context& ctx);
void add_token(CLI::App& app, context& ctx);
void add_webhook(CLI::App& app, context& ctx);
void add_context(CLI::App& app, context& ctx);
void add_backup(CLI::App& app, context& ctx);
void add_restore(CLI::App& app, context& ctx);
void add_top(CLI::App& app, context& ctx);
void add_serve(CLI::App& app, context& ctx);
void add_agent(CLI::App& app, context& ctx);
void add_ca(CLI::App& app, context& ctx);
void add_config(CLI::App& app, context& ctx);
void add_completion(CLI::App& app, context& ctx);

} // namespace muster::cli
