#include "executors/process/process_driver.hpp"

#include "executors/changing_offer.hpp"
#include "executors/data/folders.hpp"
#include "executors/data/results.hpp"
#include "executors/machine/host_capacity.hpp"
#include "executors/process/preparation.hpp"
#include "executors/process/publication.hpp"
#include "executors/process/warden/exit_message.hpp"
#include "executors/process/warden_link.hpp"
#include "executors/process/warden_queries.hpp"
#include "executors/process/worker.hpp"
#include "muster/base/scheduling.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace muster {

namespace {

using namespace process;

constexpr auto stopped_before = "stopped before its start";

using adoptions = result<std::vector<adoption>>;

struct attempt {
  enum class phase : std::uint8_t { preparing, holding, prepared, starting, running, publishing, ended };

  phase at = phase::preparing;
  bool then_start = false;
  bool is_member = false;          ///< Of a gang, whose members start together.
  bool is_held = false;            ///< The warden has its process, or is about to make it.
  std::optional<attempt_id> after; ///< Its start waits for the end of that one.
  bool stop_asked = false;
  std::chrono::milliseconds grace{};
  bool was_started = false; ///< The warden knows it.
  bool has_inputs = false;  ///< Links in `input`.
  bool has_more = false;    ///< Injected files, peers or larger inputs lie in its folder.
  std::optional<folder_pool::marks> folder_before;
  bool has_folder = true; ///< Else nothing was left in it, and it serves another.
  std::string folder;
  std::string start_frame; ///< Until the start is confirmed.
  std::string program;
  std::int64_t memory = 0; ///< Its limit in bytes, if that is enforced.
  std::vector<spec::output> outputs;
  std::size_t max_result = default_max_result_bytes;
};

enum class verb : std::uint8_t { prepare, start, stop, publish, remove, call };

struct request {
  verb what = verb::call;
  attempt_id id;
  std::chrono::milliseconds grace{};
  std::unique_ptr<attempt_spec> spec;
  std::function<void()> call; ///< Runs in the driver's thread.
};

class process_driver final : public driver, public changing_offer {
public:
  explicit process_driver(process_config config)
      : config_(std::move(config)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    options_.logs = config_.logs;
    options_.leftover_grace = config_.leftover_grace;
    preparation_context made;
    made.inherited = inherited_environment();
    if (config_.enforce_limits)
      made.most_processes = config_.most_processes;
    made.sandbox = std::make_shared<bubblewrap>(made.inherited.at("PATH"));
    context_ = std::make_shared<const preparation_context>(std::move(made));
  }

  ~process_driver() override {
    push_call([this] { closing_ = true; });
    if (thread_.joinable())
      thread_.join();
  }

  result<capabilities> probe() override {
    std::error_code failed;
    std::filesystem::create_directories(config_.state_directory, failed);
    if (failed)
      return error{ec::io_error,
                   "cannot make the state directory " + config_.state_directory.string() + ": " + failed.message()};
    config_.state_directory = std::filesystem::absolute(config_.state_directory, failed);
    if (!link_.is_open())
      if (const auto opened = link_.open(config_.state_directory, options_, config_.enforce_limits); !opened)
        return opened.failure();
    spares_.keep_in((config_.state_directory / "spare").string());
    if (!link_.no_limits().empty())
      return error{ec::unsupported, link_.no_limits()};
    auto total = machine::host_capacity(config_.state_directory, config_.look_at.root);
    if (!total)
      return total.failure();
    capabilities out;
    out.driver = "process";
    out.total = *std::move(total);
    // After the launch of the warden: it must not inherit what a library opens.
    watch_.emplace(config_.state_directory, config_.gpus, config_.look_at, config_.claims_gpus);
    auto found = watch_->look();
    learn_gpus(gpus_of(found));
    machine::take_machine(std::move(found), out);
    out.starts_after = true;
    offered_ = out;
    return out;
  }

  std::optional<capabilities> look_again() override {
    auto found = watch_->look();
    auto gpus = gpus_of(found);
    if (!machine::take_machine(std::move(found), offered_))
      return std::nullopt;
    push_call([this, gpus = std::move(gpus)] { learn_gpus(gpus); });
    return offered_;
  }

  void listen(driver_listener& to) override {
    listener_ = &to;
    thread_ = std::thread{[this] { run(); }};
  }

  void prepare(attempt_spec spec) override {
    request x;
    x.what = verb::prepare;
    x.id = spec.id;
    x.spec = std::make_unique<attempt_spec>(std::move(spec));
    push(std::move(x));
  }

  void start(attempt_id id) override {
    request x;
    x.what = verb::start;
    x.id = id;
    push(std::move(x));
  }

  void stop(attempt_id id, std::chrono::milliseconds grace) override {
    request x;
    x.what = verb::stop;
    x.id = id;
    x.grace = grace;
    push(std::move(x));
  }

  void publish(attempt_id id) override {
    request x;
    x.what = verb::publish;
    x.id = id;
    push(std::move(x));
  }

  void remove(attempt_id id) override {
    request x;
    x.what = verb::remove;
    x.id = id;
    push(std::move(x));
  }

  adoptions adopt(const std::vector<attempt_spec>& attempts) override {
    const auto promise = std::make_shared<std::promise<adoptions>>();
    auto answer = promise->get_future();
    auto copy = std::make_shared<std::vector<attempt_spec>>(attempts);
    push_call([this, promise, copy] { begin_adoption(promise, copy); });
    return answer.get();
  }

private:
  static visible_gpus gpus_of(const machine::discovery& found) {
    visible_gpus out;
    out.are_shared_out = found.has_gpus;
    for (const auto& x : found.facts.gpus)
      out.uuids[x.index] = x.uuid;
    return out;
  }

  /// What was known stays known. In the driver's thread, once there is one; the worker keeps what it began with.
  void learn_gpus(const visible_gpus& found) {
    auto next = *context_;
    next.gpus.are_shared_out = next.gpus.are_shared_out || found.are_shared_out;
    for (const auto& [index, uuid] : found.uuids)
      next.gpus.uuids[index] = uuid;
    context_ = std::make_shared<const preparation_context>(std::move(next));
  }

  void push(request x) {
    bool was_idle = false;
    {
      const std::lock_guard lock{mutex_};
      inbox_.push_back(std::move(x));
      was_idle = std::exchange(idle_, false);
    }
    if (was_idle) {
      const std::uint64_t one = 1;
      while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) { // Full means it is awake.
      }
    }
  }

  void push_call(std::function<void()> call) {
    request x;
    x.call = std::move(call);
    push(std::move(x));
  }

  // -- everything below runs in the driver's thread

  void run() {
    interrupt_nobody();
    if (!link_.is_open())
      recover("it could not be reached");
    std::vector<request> taken;
    while (!closing_) {
      {
        const std::lock_guard lock{mutex_};
        taken.swap(inbox_);
        idle_ = taken.empty();
      }
      if (taken.empty())
        wait();
      for (auto& x : taken)
        handle(x);
      taken.clear();
      exchange();
      if (std::exchange(said_something_, false))
        listener_->on_batch_end();
    }
  }

  void wait() {
    pollfd files[] = {{wake_.get(), POLLIN, 0},
                      {link_.file(), static_cast<short>(link_.has_unsent() ? POLLIN | POLLOUT : POLLIN), 0}};
    ::poll(files, link_.is_open() ? 2 : 1, -1);
    std::uint64_t count = 0;
    while (::read(wake_.get(), &count, sizeof count) < 0 && errno == EINTR) { // Empty: another file was ready.
    }
  }

  /// Sends and receives.
  void exchange() {
    if (!link_.is_open())
      return;
    const bool sent = !link_.has_unsent() || link_.send();
    const bool here = link_.receive();
    while (const auto frame = link_.next())
      handle(*frame);
    if (!sent || !here || link_.broken())
      recover("it was killed");
  }

  /// The warden is gone: launches another, which finds what survived, and asks it about every attempt that may run.
  void recover(const std::string& why) {
    const auto opened = link_.open(config_.state_directory, options_, config_.enforce_limits);
    queries_.give_up();
    let_go_of_held();
    std::vector<attempt_id> ids;
    for (const auto& [id, x] : attempts_)
      if (x.at == attempt::phase::starting || x.at == attempt::phase::running)
        ids.push_back(id);
    if (!opened) {
      for (const auto id : ids) {
        attempts_.at(id).at = attempt::phase::ended;
        said_something_ = true;
        listener_->on_lost(id, "the warden that owned it is gone (" + why +
                                   "), and no other could be launched: " + opened.failure().message);
      }
      return;
    }
    ask(ids, [this, ids](const std::vector<adoption>* answers) {
      for (std::size_t i = 0; answers != nullptr && i < ids.size(); ++i)
        after_recovery(ids[i], (*answers)[i]);
    });
  }

  /// Processes that were held ended with their warden. They are not made again: a start will do it.
  void let_go_of_held() {
    std::vector<attempt_id> prepared;
    for (auto& [id, x] : attempts_) {
      x.is_held = false;
      if (x.at == attempt::phase::holding)
        prepared.push_back(id);
    }
    for (const auto id : prepared) {
      attempts_.at(id).at = attempt::phase::prepared;
      say_prepared(id, {});
    }
  }

  void after_recovery(attempt_id id, adoption found) {
    const auto at = attempts_.find(id);
    if (at == attempts_.end())
      return;
    auto& x = at->second;
    if (found == adoption::never_started)
      send_start(x); // It was never taken in.
    else if (x.at == attempt::phase::starting)
      confirm_start(id, x);
    if (found == adoption::lost) {
      x.at = attempt::phase::ended;
      said_something_ = true;
      return listener_->on_lost(id,
                                "its warden was killed and nothing of it runs any more; how it ended cannot be known");
    }
    if ((found == adoption::running || found == adoption::never_started) && x.stop_asked)
      wire::write(link_.unsent(), wire::stop_request{id, std::chrono::microseconds{x.grace}.count()});
  }

  /// Asks the warden about attempts.
  void ask(const std::vector<attempt_id>& ids, warden_queries::handler answered) {
    std::vector<wire::query_item> about;
    about.reserve(ids.size());
    for (const auto id : ids)
      about.push_back({id, attempts_.at(id).folder});
    queries_.ask(about, link_.unsent(), std::move(answered));
  }

  void begin_adoption(const std::shared_ptr<std::promise<adoptions>>& promise,
                      const std::shared_ptr<std::vector<attempt_spec>>& specs) {
    std::vector<attempt_id> ids;
    for (const auto& spec : *specs) {
      auto& x = attempts_[spec.id];
      x.folder = spec.folder.string();
      x.has_more = true;
      x.outputs = data::kept_outputs(spec.folder, located_outputs(spec));
      x.max_result = spec.max_result_bytes;
      x.memory = spec.resource.memory.value_or(0);
      x.at = attempt::phase::running;
      x.was_started = true;
      ids.push_back(spec.id);
    }
    if (!link_.is_open())
      recover("it could not be reached");
    if (!link_.is_open()) {
      promise->set_value(error{ec::warden_lost, "no warden can be launched, so nobody can tell what runs"});
      return;
    }
    ask(ids, [this, promise, specs, ids](const std::vector<adoption>* answers) {
      if (answers == nullptr) // Gone within this moment: once more with the next one.
        return begin_adoption(promise, specs);
      std::vector<adoption> out;
      for (std::size_t i = 0; i < ids.size(); ++i) {
        out.push_back((*answers)[i]);
        if (out.back() == adoption::lost)
          wire::write_forget(link_.unsent(), ids[i]);
        if (out.back() == adoption::lost || out.back() == adoption::never_started)
          attempts_.erase(ids[i]);
      }
      promise->set_value(std::move(out));
    });
  }

  // -- requests

  void handle(request& x) {
    switch (x.what) {
      case verb::prepare: return handle_prepare(std::move(x.spec));
      case verb::start: return handle_start(x.id);
      case verb::stop: return handle_stop(x.id, x.grace);
      case verb::publish: return handle_publish(x.id);
      case verb::remove: return handle_remove(x.id);
      case verb::call: return x.call();
    }
  }

  void handle_prepare(std::unique_ptr<attempt_spec> spec) {
    const auto id = spec->id;
    const auto [at, is_new] = attempts_.try_emplace(id);
    if (!is_new)
      return;
    auto& x = at->second;
    x.folder = spec->folder.string();
    x.then_start = spec->then_start;
    x.is_member = !spec->then_start && spec->peers.size() > 1;
    x.after = spec->then_start ? spec->after : std::nullopt;
    x.has_inputs = !spec->inputs.empty();
    x.has_more = is_slow_to_prepare(*spec) || spec->peers.size() > 1 || !spec->task.outputs.empty();
    x.max_result = spec->max_result_bytes;
    x.memory = spec->resource.memory.value_or(0);
    x.outputs = spec->task.outputs.empty() ? std::vector<spec::output>{} : located_outputs(*spec);
    if (const auto readable = check_inputs(*spec); !readable)
      return finish_prepare(id, readable.failure());
    if (!is_slow_to_prepare(*spec))
      return finish_prepare(id, prepare_attempt(*spec, *context_, {&spares_, &commands_}));
    const std::shared_ptr<attempt_spec> shared{std::move(spec)};
    worker_.add([this, id, shared, context = context_] {
      auto outcome = std::make_shared<result<prepared_attempt>>(prepare_attempt(*shared, *context));
      push_call([this, id, outcome] { finish_prepare(id, std::move(*outcome)); });
    });
  }

  void finish_prepare(attempt_id id, result<prepared_attempt> outcome) {
    auto& x = attempts_.at(id);
    if (outcome && !x.stop_asked) {
      x.at = attempt::phase::prepared;
      x.start_frame = std::move(outcome->start_frame);
      x.program = std::move(outcome->program);
      x.folder_before = outcome->folder_before;
      if (x.then_start)
        return launch(id, x);
      if (!x.is_member || !link_.is_open())
        return say_prepared(id, {});
      x.at = attempt::phase::holding;
      x.is_held = true;
      return wire::write_hold(link_.unsent(), x.start_frame);
    }
    const bool is_known = x.stop_asked;
    forget_unstarted(id, x);
    if (!is_known)
      say_prepared(id, outcome.failure());
  }

  void forget_unstarted(attempt_id id, const attempt& x) {
    if (::access((x.folder + ".log").c_str(), F_OK) != 0) // Else it is that of an attempt that ran.
      remove_folder(x.folder);
    attempts_.erase(id);
  }

  void say_prepared(attempt_id id, result<void> outcome) {
    said_something_ = true;
    listener_->on_prepared(id, std::move(outcome));
  }

  void handle_start(attempt_id id) {
    const auto at = attempts_.find(id);
    const bool waits = at != attempts_.end() && at->second.after;
    if (at == attempts_.end() || at->second.at == attempt::phase::holding ||
        (at->second.at == attempt::phase::preparing && !waits)) {
      said_something_ = true;
      return listener_->on_started(id, error{ec::not_found, "attempt " + to_string(id) + " is not prepared"});
    }
    auto& x = at->second;
    x.after.reset();
    if (x.at == attempt::phase::prepared)
      launch(id, x);
    else if (x.at == attempt::phase::starting && waits && link_.is_open())
      wire::write_go(link_.unsent(), id);
  }

  void launch(attempt_id id, attempt& x) {
    x.at = attempt::phase::starting;
    x.was_started = true;
    if (!link_.is_open())
      return recover("it could not be reached");
    if (x.is_held)
      return wire::write_release(link_.unsent(), id);
    send_start(x);
  }

  /// Its process, which never ran, is not wanted any more.
  void drop_held(attempt_id id, attempt& x) {
    if (std::exchange(x.is_held, false))
      wire::write(link_.unsent(), wire::stop_request{id, 0});
  }

  void send_start(const attempt& x) {
    if (x.after)
      wire::write_start_after(link_.unsent(), *x.after, x.start_frame);
    else
      link_.unsent() += x.start_frame;
  }

  void handle_stop(attempt_id id, std::chrono::milliseconds grace) {
    const auto at = attempts_.find(id);
    if (at == attempts_.end())
      return;
    auto& x = at->second;
    if (x.at == attempt::phase::holding) {
      drop_held(id, x);
      forget_unstarted(id, x);
      return say_prepared(id, error{ec::canceled, "stopped while it was being prepared"});
    }
    if (x.at == attempt::phase::prepared) {
      drop_held(id, x);
      x.at = attempt::phase::ended;
      said_something_ = true;
      exit_result out;
      out.signal = SIGTERM;
      out.code = 128 + SIGTERM;
      out.message = stopped_before;
      out.ended = to_timestamp(wall_clock_us());
      return listener_->on_exited(id, std::move(out));
    }
    if (x.at == attempt::phase::preparing && !x.stop_asked) // A copy may take its time: nobody waits for it.
      say_prepared(id, error{ec::canceled, "stopped while it was being prepared"});
    x.grace = x.stop_asked ? std::min(x.grace, grace) : grace;
    x.stop_asked = true;
    if (x.at == attempt::phase::starting || x.at == attempt::phase::running)
      wire::write(link_.unsent(), wire::stop_request{id, std::chrono::microseconds{grace}.count()});
  }

  /// In this thread: a later `prepare` must find the link.
  void handle_publish(attempt_id id) {
    const auto at = attempts_.find(id);
    if (at == attempts_.end() || at->second.at != attempt::phase::ended || !at->second.was_started ||
        !at->second.has_folder)
      return;
    const auto& before = at->second.folder_before;
    if (before && folder_pool::is_untouched(at->second.folder + "/output", before->output))
      return;
    const auto shown = data::show_output(at->second.folder);
    if (shown)
      return;
    // Nobody can be told now, but whoever reads it must not take it for empty.
    std::filesystem::path link{at->second.folder};
    unpublished_[link.replace_extension(".output").string()] = shown.failure().message;
  }

  /// Why an input cannot be read although its task completed.
  [[nodiscard]] result<void> check_inputs(const attempt_spec& spec) const {
    if (unpublished_.empty())
      return {};
    for (const auto& input : spec.inputs) {
      auto sources = input.parts;
      sources.emplace_back(std::string{}, input.source);
      for (const auto& [name, source] : sources)
        if (const auto at = unpublished_.find(source.string()); at != unpublished_.end())
          return error{ec::data_error, "the output of task '" + input.task + "' could not be published: " + at->second};
    }
    return {};
  }

  void handle_remove(attempt_id id) {
    const auto at = attempts_.find(id);
    if (at == attempts_.end())
      return;
    auto& x = at->second;
    if (x.at == attempt::phase::prepared) {
      drop_held(id, x);
      remove_folder(x.folder);
    } else if (x.at != attempt::phase::ended) {
      return;
    }
    if (x.at == attempt::phase::ended && x.has_folder)
      tidy(x);
    if (x.was_started)
      wire::write_forget(link_.unsent(), id);
    attempts_.erase(at);
  }

  /// Only the log and what is in the output stay.
  void tidy(const attempt& x) {
    if (!x.has_more && x.has_inputs)
      remove_folder(x.folder + "/input");
    if (!x.has_more && spares_.give(x.folder, x.folder_before))
      return;
    const auto clear = [folder = std::filesystem::path{x.folder}, keep_work = config_.keep_work] {
      if (!keep_work || data::is_empty_folder(folder / "work"))
        remove_folder(folder / "work");
      for (const auto* name :
           {"root", "sandbox", "held.log", "input", "peers.json", "result.json", "results", data::kept_outputs_name})
        remove_folder(folder / name);
      if (data::is_empty_folder(folder / "output"))
        remove_folder(folder / "output");
      ::rmdir(folder.c_str()); // If nothing is left.
    };
    worker_.add(clear, at_end::do_it);
  }

  static void remove_folder(const std::filesystem::path& folder) {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  // -- what the warden says

  void handle(const wire::frame& frame) {
    switch (frame.what) {
      case wire::kind::started:
        if (const auto x = wire::read_started(frame.body))
          handle_started(*x);
        return;
      case wire::kind::held:
        if (const auto x = wire::read_held(frame.body))
          handle_held(*x);
        return;
      case wire::kind::exited:
        if (const auto x = wire::read_exited(frame.body))
          handle_exited(*x);
        return;
      case wire::kind::lost:
        if (const auto x = wire::read_lost(frame.body))
          handle_lost(*x);
        return;
      case wire::kind::answer:
        if (const auto x = wire::read_answer(frame.body))
          queries_.take(*x);
        return;
      default: return;
    }
  }

  void confirm_start(attempt_id id, attempt& x) {
    x.at = attempt::phase::running;
    x.start_frame = {};
    said_something_ = true;
    listener_->on_started(id, {});
  }

  void handle_held(const wire::held_message& said) {
    const auto at = attempts_.find(said.id);
    if (at == attempts_.end() || at->second.at != attempt::phase::holding)
      return;
    if (said.code == 0) {
      at->second.at = attempt::phase::prepared;
      return say_prepared(said.id, {});
    }
    forget_unstarted(said.id, at->second);
    say_prepared(said.id, error{static_cast<ec>(said.code), said.text});
  }

  void handle_started(const wire::started_message& said) {
    const auto at = attempts_.find(said.id);
    if (at == attempts_.end() || at->second.at != attempt::phase::starting)
      return;
    if (said.code == 0)
      return confirm_start(said.id, at->second);
    at->second.at = attempt::phase::ended;
    at->second.was_started = false;
    said_something_ = true;
    listener_->on_started(said.id, error{static_cast<ec>(said.code), said.text});
  }

  void handle_exited(const wire::exited_message& said) {
    const auto at = attempts_.find(said.id);
    if (at == attempts_.end() ||
        (at->second.at != attempt::phase::running && at->second.at != attempt::phase::starting))
      return;
    auto& x = at->second;
    exit_result out;
    out.code = said.code;
    out.signal = said.signal;
    out.out_of_memory = said.what == wire::note::out_of_memory && said.code != 0;
    const bool never_ran = x.at == attempt::phase::starting && said.started_us == 0;
    out.message = never_ran ? stopped_before : message_of(said, x.program, x.memory);
    out.started = to_timestamp(said.started_us);
    out.ended = to_timestamp(said.ended_us);
    if (hand_folder_on(x))
      return finish(said.id, x, std::move(out));
    const bool has_result = data::has_result(result_file(x.folder));
    const bool publishes = !x.outputs.empty() && !x.stop_asked;
    if (!has_result && !publishes)
      return finish(said.id, x, std::move(out));
    x.has_more = x.has_more || has_result;
    x.at = attempt::phase::publishing;
    worker_.add([this, id = said.id, folder = x.folder, most = x.max_result, publishes, outputs = x.outputs,
                 out = std::move(out)]() mutable {
      if (publishes)
        publish_outputs(id, folder, outputs, out);
      data::read_result(result_file(folder), most, out);
      push_call([this, id, out = std::move(out)] {
        if (const auto it = attempts_.find(id); it != attempts_.end())
          finish(id, it->second, out);
      });
    });
  }

  /// What left nothing in its folder has no result and no output, and the folder can serve another attempt before it is
  /// durable how this one ended: that comes dozens of short tasks later.
  bool hand_folder_on(attempt& x) {
    if (x.has_more || x.has_inputs)
      return false;
    x.has_folder = !spares_.give(x.folder, x.folder_before);
    return !x.has_folder;
  }

  void finish(attempt_id id, attempt& x, exit_result outcome) {
    x.at = attempt::phase::ended;
    said_something_ = true;
    listener_->on_exited(id, std::move(outcome));
  }

  void handle_lost(const wire::lost_message& said) {
    const auto at = attempts_.find(said.id);
    if (at == attempts_.end() ||
        (at->second.at != attempt::phase::running && at->second.at != attempt::phase::starting))
      return;
    at->second.at = attempt::phase::ended;
    said_something_ = true;
    listener_->on_lost(said.id, said.text);
  }

  process_config config_;
  warden_options options_;
  std::optional<machine::machine_watch> watch_;
  capabilities offered_; ///< As was said last.
  std::shared_ptr<const preparation_context> context_;
  driver_listener* listener_ = nullptr;
  const unique_fd wake_;

  std::mutex mutex_; ///< Guards the two that follow.
  std::vector<request> inbox_;
  bool idle_ = false;

  // -- the driver's thread's own
  warden_link link_;
  std::unordered_map<attempt_id, attempt> attempts_;
  warden_queries queries_;
  folder_pool spares_;
  command_memo commands_;
  std::unordered_map<std::string, std::string> unpublished_; ///< Output links that could not be made, and why.
  bool said_something_ = false;
  bool closing_ = false;

  std::thread thread_;
  worker worker_; ///< Last: its jobs push into what is above.
};

} // namespace

std::unique_ptr<driver> make_process_driver(process_config config) {
  return std::make_unique<process_driver>(std::move(config));
}

} // namespace muster
