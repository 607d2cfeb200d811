#include "executors/process/driver_core.hpp"

#include "executors/data/folders.hpp"
#include "executors/data/results.hpp"
#include "executors/process/publication.hpp"
#include "executors/process/warden/exit_message.hpp"

#include <algorithm>
#include <csignal>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace muster::process {

namespace {

constexpr auto stopped_before = "stopped before its start";

void remove_folder(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

} // namespace

driver_core::driver_core(const process_config& config, way_in enter) : config_(config), enter_(std::move(enter)) {
  preparation_context made;
  made.inherited = inherited_environment();
  if (config_.enforce_limits)
    made.most_processes = config_.most_processes;
  made.sandbox = std::make_shared<bubblewrap>(made.inherited.at("PATH"));
  context_ = std::make_shared<const preparation_context>(std::move(made));
}

result<void> driver_core::open() {
  if (!link_.is_open())
    if (auto opened = connect(); !opened)
      return opened;
  spares_.keep_in((config_.state_directory / "spare").string());
  if (!link_.no_limits().empty())
    return {ec::unsupported, link_.no_limits()};
  return {};
}

void driver_core::begin(driver_listener& to) {
  listener_ = &to;
  reach_warden();
}

void driver_core::learn_gpus(const visible_gpus& found) {
  auto next = *context_;
  next.gpus.are_shared_out = next.gpus.are_shared_out || found.are_shared_out;
  for (const auto& [index, uuid] : found.uuids)
    next.gpus.uuids[index] = uuid;
  context_ = std::make_shared<const preparation_context>(std::move(next));
}

void driver_core::end_batch() {
  if (std::exchange(said_something_, false))
    listener_->on_batch_end();
}

// -- the warden

result<void> driver_core::connect() {
  warden_options options;
  options.logs = config_.logs;
  options.leftover_grace = config_.leftover_grace;
  return link_.open(config_.state_directory, options, config_.enforce_limits);
}

void driver_core::reach_warden() {
  if (!link_.is_open())
    recover("it could not be reached");
}

void driver_core::exchange() {
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
void driver_core::recover(const std::string& why) {
  const auto opened = connect();
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
void driver_core::let_go_of_held() {
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

void driver_core::after_recovery(attempt_id id, adoption found) {
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
void driver_core::ask(const std::vector<attempt_id>& ids, warden_queries::handler answered) {
  std::vector<wire::query_item> about;
  about.reserve(ids.size());
  for (const auto id : ids)
    about.push_back({id, attempts_.at(id).folder});
  queries_.ask(about, link_.unsent(), std::move(answered));
}

void driver_core::adopt(const std::shared_ptr<const std::vector<attempt_spec>>& attempts,
                        const std::function<void(adoptions)>& done) {
  std::vector<attempt_id> ids;
  for (const auto& spec : *attempts) {
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
  reach_warden();
  if (!link_.is_open())
    return done(error{ec::warden_lost, "no warden can be launched, so nobody can tell what runs"});
  ask(ids, [this, attempts, done, ids](const std::vector<adoption>* answers) {
    if (answers == nullptr) // Gone within this moment: once more with the next one.
      return adopt(attempts, done);
    std::vector<adoption> out;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      out.push_back((*answers)[i]);
      if (out.back() == adoption::lost)
        wire::write_forget(link_.unsent(), ids[i]);
      if (out.back() == adoption::lost || out.back() == adoption::never_started)
        attempts_.erase(ids[i]);
    }
    done(std::move(out));
  });
}

// -- requests

void driver_core::prepare(std::unique_ptr<attempt_spec> spec) {
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
    enter_([this, id, outcome] { finish_prepare(id, std::move(*outcome)); });
  });
}

void driver_core::finish_prepare(attempt_id id, result<prepared_attempt> outcome) {
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

void driver_core::forget_unstarted(attempt_id id, const attempt& x) {
  if (::access((x.folder + ".log").c_str(), F_OK) != 0) // Else it is that of an attempt that ran.
    remove_folder(x.folder);
  attempts_.erase(id);
}

void driver_core::say_prepared(attempt_id id, result<void> outcome) {
  said_something_ = true;
  listener_->on_prepared(id, std::move(outcome));
}

void driver_core::start(attempt_id id) {
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

void driver_core::launch(attempt_id id, attempt& x) {
  x.at = attempt::phase::starting;
  x.was_started = true;
  if (!link_.is_open())
    return reach_warden();
  if (x.is_held)
    return wire::write_release(link_.unsent(), id);
  send_start(x);
}

/// Its process, which never ran, is not wanted any more.
void driver_core::drop_held(attempt_id id, attempt& x) {
  if (std::exchange(x.is_held, false))
    wire::write(link_.unsent(), wire::stop_request{id, 0});
}

void driver_core::send_start(const attempt& x) {
  if (x.after)
    wire::write_start_after(link_.unsent(), *x.after, x.start_frame);
  else
    link_.unsent() += x.start_frame;
}

void driver_core::stop(attempt_id id, std::chrono::milliseconds grace) {
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
void driver_core::publish(attempt_id id) {
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
result<void> driver_core::check_inputs(const attempt_spec& spec) const {
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

void driver_core::remove(attempt_id id) {
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
void driver_core::tidy(const attempt& x) {
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

// -- what the warden says

void driver_core::handle(const wire::frame& frame) {
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

void driver_core::confirm_start(attempt_id id, attempt& x) {
  x.at = attempt::phase::running;
  x.start_frame = {};
  said_something_ = true;
  listener_->on_started(id, {});
}

void driver_core::handle_held(const wire::held_message& said) {
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

void driver_core::handle_started(const wire::started_message& said) {
  const auto at = attempts_.find(said.id);
  if (at == attempts_.end() || at->second.at != attempt::phase::starting)
    return;
  if (said.code == 0)
    return confirm_start(said.id, at->second);
  forget_unstarted(said.id, at->second);
  said_something_ = true;
  listener_->on_started(said.id, error{static_cast<ec>(said.code), said.text});
}

void driver_core::handle_exited(const wire::exited_message& said) {
  const auto at = attempts_.find(said.id);
  if (at == attempts_.end() || (at->second.at != attempt::phase::running && at->second.at != attempt::phase::starting))
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
    enter_([this, id, out = std::move(out)] {
      if (const auto it = attempts_.find(id); it != attempts_.end())
        finish(id, it->second, out);
    });
  });
}

/// What left nothing in its folder has no result and no output, and the folder can serve another attempt before it is
/// durable how this one ended: that comes dozens of short tasks later.
bool driver_core::hand_folder_on(attempt& x) {
  if (x.has_more || x.has_inputs)
    return false;
  x.has_folder = !spares_.give(x.folder, x.folder_before);
  return !x.has_folder;
}

void driver_core::finish(attempt_id id, attempt& x, exit_result outcome) {
  x.at = attempt::phase::ended;
  said_something_ = true;
  listener_->on_exited(id, std::move(outcome));
}

void driver_core::handle_lost(const wire::lost_message& said) {
  const auto at = attempts_.find(said.id);
  if (at == attempts_.end() || (at->second.at != attempt::phase::running && at->second.at != attempt::phase::starting))
    return;
  at->second.at = attempt::phase::ended;
  said_something_ = true;
  listener_->on_lost(said.id, said.text);
}

} // namespace muster::process
