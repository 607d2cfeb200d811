#include "cli/commands/local_run.hpp"

#include "cli/commands/errors.hpp"
#include "cli/commands/failure_report.hpp"
#include "cli/commands/gpus.hpp"
#include "cli/commands/listing.hpp"
#include "cli/commands/signals.hpp"
#include "cli/commands/wanted_end.hpp"
#include "cli/commands/watch.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/local_api.hpp"
#include "cli/serve/head_file.hpp"
#include "cli/terminal/run_view.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/outline.hpp"
#include "muster/picture/stored.hpp"
#include "muster/store/empty_store.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <unistd.h>
#include <utility>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;

result<std::unique_ptr<runtime>> start_runtime(const local_options& options, chosen_pool pool,
                                               const store::state_directory& directory,
                                               std::future<result<std::string>> empty_store) {
  runtime_config config;
  config.state_directory = directory.root();
  config.empty_store = std::move(empty_store);
  pool_setup only;
  only.name = pool.name;
  only.policy = pool.policy;
  auto made = make_driver(std::move(pool), options, directory);
  if (!made)
    return made.failure();
  only.executor = std::move(*made);
  only.max_parallel = options.max_parallel;
  only.oversubscribe = options.oversubscribe;
  config.pools.push_back(std::move(only));
  config.max_retries = options.max_retries;
  config.take_cached = !options.no_cache;
  return runtime::start(std::move(config));
}

/// One workflow, from its acceptance to its end, as one command shows it.
class session {
public:
  session(const local_options& options, const store::state_directory& directory, signal_inbox& inbox, runtime& engine,
          store::reader& reader)
      : options_(options), directory_(directory), inbox_(inbox), engine_(engine), reader_(reader) {
    if (const auto limit = parse_duration(options.timeout))
      deadline_ = clock::now() + *limit;
  }

  int run(const take_up& begin) {
    const auto latest = reader_.latest();
    if (!latest)
      return report(latest.failure());
    // The runtime outlives this session, the inbox outlives the runtime.
    engine_.subscribe([&inbox = inbox_](const std::vector<event>&) { inbox.wake(); });
    const auto accepted = begin(engine_);
    if (!accepted)
      return refuse(accepted.failure());
    auto found = reader_.workflow(accepted->key);
    if (!found)
      return report(found.failure());
    workflow_ = std::move(*found);
    since_ = accepted->since ? accepted->since : workflow_.submitted;
    for (const auto& x : accepted->notes)
      std::cerr << "muster: note: " << x << '\n';
    announce();
    const auto ended = watch(*latest);
    if (!ended)
      return report_broken(ended.failure());
    return conclude(*ended);
  }

private:
  /// Whether anything is shown while it runs.
  [[nodiscard]] bool silent() const { return options_.quiet && options_.output == "text" && !live(); }
  [[nodiscard]] bool live() const { return options_.output == "text" && is_terminal(STDOUT_FILENO); }

  void announce() {
    total_ = workflow_.tasks;
    const auto definition = picture::read_definition(reader_, workflow_);
    const bool is_flow = definition && *definition;
    if (is_flow)
      total_ = tasks_of(picture::outline_of(*(*definition)->flow)).value_or(0);
    if (options_.output == "json" || silent())
      return;
    std::cout << workflow_.id << ": ";
    if (is_flow)
      std::cout << count_of((*definition)->flow->steps.size(), "step") << std::endl;
    else
      std::cout << count_of(workflow_.groups, "group") << ", " << count_of(workflow_.tasks, "task") << std::endl;
  }

  void make_view() {
    if (options_.output == "json")
      view_ = make_json_view();
    else if (live())
      view_ = make_live_view(workflow_, total_);
    else
      view_ = make_plain_view();
  }

  /// Shows the workflow until it has ended.
  [[nodiscard]] result<status> watch(sequence after) {
    if (silent())
      return wait_silently();
    make_view();
    watch_handler handler;
    handler.on_event = [this](const store::named_event& x) { view_->on_event(x); };
    handler.go_on = [this] {
      view_->tick();
      return check_requests();
    };
    if (!options_.quiet && options_.output == "text")
      handler.on_line = [this](const log_line& x) { view_->on_line(x); };
    workflow_watch watched(reader_, directory_, workflow_, after, std::move(handler));
    if (handler_reads_logs())
      if (auto opened = watched.open_running(); !opened)
        return opened.failure();
    auto ended = follow(watched);
    view_->close();
    return ended;
  }

  [[nodiscard]] bool handler_reads_logs() const { return !options_.quiet && options_.output == "text"; }

  [[nodiscard]] result<status> follow(workflow_watch& watched) {
    constexpr auto longest_wait = std::chrono::milliseconds(100); // Logs grow without an event.
    while (!watched.ended()) {
      if (const auto problem = engine_.failure())
        return *problem;
      const auto stepped = watched.step();
      if (!stepped)
        return stepped.failure();
      view_->tick();
      check_requests();
      if (!*stepped)
        inbox_.wait(longest_wait);
    }
    return *watched.ended();
  }

  [[nodiscard]] result<status> wait_silently() {
    constexpr auto interval = std::chrono::milliseconds(100);
    while (true) {
      if (const auto ended = engine_.wait(workflow_.key, clock::now() + interval))
        return *ended;
      if (const auto problem = engine_.failure())
        return *problem;
      check_requests();
    }
  }

  void note(const std::string& text) {
    if (view_)
      view_->note(text);
    else
      std::cerr << text << std::endl;
  }

  std::optional<wanted_end::refusal> cancel(const std::string& message, bool force) {
    const auto accepted = engine_.cancel(workflow_.key, message, force);
    if (accepted)
      return std::nullopt;
    return wanted_end::refusal{accepted.failure().message, accepted.failure().code == ec::conflict}; // It has ended.
  }

  /// Acts on signals and on the deadline. False once the user wants an end at any price.
  bool check_requests() {
    const auto signals = inbox_.take();
    for (unsigned i = 0; i < signals; ++i)
      on_signal();
    if (deadline_ && clock::now() >= *deadline_) {
      deadline_.reset();
      timed_out_ = true;
      note("canceling " + workflow_.id + ": it ran longer than --timeout " + options_.timeout);
      end_.want("--timeout " + options_.timeout + " has passed", false);
    }
    end_.go_on();
    return requests_ < 2;
  }

  void on_signal() {
    ++requests_;
    if (requests_ == 1) {
      note("canceling " + workflow_.id + "; once more kills its tasks");
      end_.want("canceled by a signal", false);
    } else if (requests_ == 2) {
      note("killing the tasks of " + workflow_.id);
      end_.want("killed by a signal", true);
    } else {
      // Whoever asks a third time does not want to wait for an orderly end; the store is in order at any moment.
      std::cerr << "muster: leaving at once; what is left: " << command("resume") << std::endl;
      std::_Exit(exit_interrupted);
    }
  }

  static int refuse(const error& problem) {
    const int code = report(problem);
    if (problem.code != ec::never_fits)
      return code;
    // CPUs, memory and storage can be oversubscribed.
    if (problem.message.find(" NVIDIA ") != std::string::npos || problem.message.find("above 0") != std::string::npos)
      return code; // The message says what is missing.
    if (problem.message.find(" may run in parallel") != std::string::npos)
      std::cerr << "muster: --max-parallel says how many\n";
    else if (problem.message.find(" network of ") != std::string::npos)
      std::cerr << "muster: the range is set by `network` of the pool in the configuration file\n";
    else if (problem.message.find(" GPU") != std::string::npos)
      std::cerr << "muster: GPUs that NVML does not find are declared by --gpus, such as --gpus 2 or --gpus 0,3\n";
    else
      std::cerr << "muster: where tasks are light, --oversubscribe N takes this machine for N times as large\n";
    return code;
  }

  /// The runtime or the store gave up; what is durable can be taken up again.
  int report_broken(const error& problem) {
    const int code = report(problem);
    std::cerr << "muster: " << workflow_.id << " is not finished; to go on: " << command("resume") << '\n';
    return code;
  }

  [[nodiscard]] std::string command(const std::string& name) const {
    return command_line(name + ' ' + workflow_.id, directory_);
  }

  int conclude(status ended) {
    auto found = reader_.workflow(workflow_.key);
    if (found)
      workflow_ = std::move(*found);
    if (ended == status::completed) {
      if (options_.output == "text")
        std::cout << workflow_.id << ' ' << to_string(ended) << " in " << elapsed(since_, workflow_.ended) << std::endl;
      return exit_completed;
    }
    std::cout.flush();
    report_failure(*make_local_api(directory_),
                   {workflow_.id, elapsed(since_, workflow_.ended),
                    [this](const std::string& what) { return command_line(what, directory_); }},
                   std::cerr);
    if (requests_ > 0)
      return exit_interrupted;
    return timed_out_ ? exit_timeout : exit_code_of(ended);
  }

  const local_options& options_;
  const store::state_directory& directory_;
  signal_inbox& inbox_;
  runtime& engine_;
  store::reader& reader_;
  store::workflow_record workflow_;
  std::optional<timestamp> since_; ///< What it took is counted from here.
  std::unique_ptr<run_view> view_;
  std::optional<clock::time_point> deadline_;
  wanted_end end_{[this](const std::string& message, bool force) { return cancel(message, force); },
                  [this](const std::string& text) { note(text); }};
  std::uint64_t total_ = 0; ///< How many tasks there will be; 0 if that is decided at run time.
  unsigned requests_ = 0;
  bool timed_out_ = false;
};

int report_not_started(const error& problem, const store::state_directory& directory) {
  const auto head = problem.code == ec::store_locked ? find_head(directory) : std::nullopt;
  if (!head)
    return report(problem);
  return report({problem.code, "the head at " + head->address + " (process " + std::to_string(head->pid) +
                                   ") is at work on " + directory.root().string() +
                                   ": leave --local out to hand the workflow to it, or give another --state-dir"});
}

} // namespace

void add_local_options(CLI::App& command, local_options& options) {
  command
      .add_option("--pool", options.pool,
                  "Where to run: containers, processes of this machine (also as local), nowhere, or a pool of the "
                  "configuration (default: docker if the spec names images and a daemon answers)")
      ->type_name("docker|process|local|null");
  command
      .add_option("--docker-host", options.docker_host,
                  "The Docker daemon, such as unix:///run/docker.sock (default: as the docker command)")
      ->type_name("HOST");
  add_choice(command, "--pull", options.pull, "When images are pulled (default: missing)",
             {"always", "missing", "never"});
  command.add_option("--config", options.config_file, "Configuration file (default: ~/.config/muster/config.yaml)")
      ->type_name("PATH");
  command.add_option("--max-parallel", options.max_parallel, "At most so many tasks at once")
      ->type_name("N")
      ->check(CLI::Range(1U, 1'000'000U));
  command
      .add_option("--oversubscribe", options.oversubscribe, "Take the machine for so many times as large (default: 1)")
      ->type_name("FACTOR")
      ->check([](const std::string& text) {
        double factor = 0;
        // In this order it also refuses what is no number.
        return CLI::detail::lexical_cast(text, factor) && factor >= 0.01 && factor <= 10'000.0
                   ? std::string{}
                   : "'" + text + "' is no factor from 0.01 to 10000";
      });
  add_gpus(command, options.gpus);
  command.add_flag("--enforce-limits", options.enforce_limits,
                   "Hold each task to the memory and CPUs it asked for, by control groups; needs root or delegation");
  command
      .add_option("--max-retries", options.max_retries, "New attempts that RESCHEDULE may make per task (default: 3)")
      ->type_name("N")
      ->check(CLI::Range(0U, 1000U));
  command.add_option("--timeout", options.timeout, "Cancel it when it takes longer, e.g. 90s, 1h30m; exit code 8")
      ->type_name("DURATION")
      ->check([](const std::string& text) {
        return parse_duration(text) ? std::string{} : "'" + text + "' is no duration such as 90s, 15m or 1h30m";
      });
  add_text_or_json(command, options.output);
  command.add_flag("-q,--quiet", options.quiet, "Do not show what tasks write");
  command.add_flag("--no-cache", options.no_cache, "Run tasks marked `cache` too, also if one like it has completed");
  command.add_flag("--keep", options.keep, "Keep the working folders of tasks that ended (processes only)");
}

nlohmann::json to_json(const local_options& options) {
  return {{"pool", options.pool},
          {"config", options.config_file.empty() ? "" : std::filesystem::absolute(options.config_file).string()},
          {"docker_host", options.docker_host},
          {"pull", options.pull},
          {"max_parallel", options.max_parallel},
          {"oversubscribe", options.oversubscribe},
          {"gpus", options.gpus ? nlohmann::json(*options.gpus) : nlohmann::json{}},
          {"max_retries", options.max_retries},
          {"timeout", options.timeout},
          {"keep", options.keep},
          {"no_cache", options.no_cache},
          {"enforce_limits", options.enforce_limits}};
}

void take_stored(const nlohmann::json& stored, const CLI::App& command, local_options& options) {
  if (!stored.is_object())
    return;
  const auto take = [&](const char* name, const char* option, auto& into) {
    using value_type = std::decay_t<decltype(into)>;
    const auto found = stored.find(name);
    if (found == stored.end() || command.count(option) > 0)
      return;
    try {
      into = found->template get<value_type>();
    } catch (const nlohmann::json::exception&) {
      // Of a version that kept it otherwise: the default serves.
    }
  };
  take("pool", "--pool", options.pool);
  take("config", "--config", options.config_file);
  take("docker_host", "--docker-host", options.docker_host);
  take("pull", "--pull", options.pull);
  take("max_parallel", "--max-parallel", options.max_parallel);
  take("oversubscribe", "--oversubscribe", options.oversubscribe);
  auto gpus = options.gpus.value_or(std::vector<std::uint32_t>{});
  take("gpus", "--gpus", gpus);
  if (const auto found = stored.find("gpus");
      found != stored.end() && found->is_array() && command.count("--gpus") == 0)
    options.gpus = std::move(gpus);
  take("max_retries", "--max-retries", options.max_retries);
  take("timeout", "--timeout", options.timeout);
  take("keep", "--keep", options.keep);
  take("no_cache", "--no-cache", options.no_cache);
  take("enforce_limits", "--enforce-limits", options.enforce_limits);
}

std::optional<config::configuration> read_configuration(const local_options& options) {
  auto read = config::load_user(options.config_file, [](const char* name) { return std::getenv(name); });
  for (const auto& x : read.errors)
    std::cerr << spec::render(x);
  return std::move(read.value);
}

int refuse_pool(const error& problem) {
  return problem.code == ec::not_found || problem.code == ec::invalid_argument ? report_usage(problem.message)
                                                                               : report(problem);
}

std::future<result<std::string>> make_store_if_missing(const context& ctx) {
  const auto directory = find_state_directory(ctx);
  if (!directory || directory->has_store())
    return {};
  return std::async(std::launch::async, store::make_empty_store);
}

int run_locally(const context& ctx, const local_options& options, chosen_pool pool, const take_up& begin,
                std::future<result<std::string>> empty_store) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return report(directory.failure());
  // A reader that went away must not end the run: its tasks would go on without it.
  std::signal(SIGPIPE, SIG_IGN);
  auto inbox = signal_inbox::open();
  if (!inbox)
    return report(inbox.failure());
  if (!pool.why.empty() && !options.quiet)
    std::cerr << "muster: " << pool.why << std::endl;
  auto engine = start_runtime(options, std::move(pool), *directory, std::move(empty_store));
  if (!engine)
    return report_not_started(engine.failure(), *directory);
  auto reader = store::reader::open(*directory);
  if (!reader)
    return report(reader.failure());
  return session(options, *directory, *inbox, **engine, *reader).run(begin);
}

} // namespace muster::cli
