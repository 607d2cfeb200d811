#include "executors/docker/driver_core.hpp"

#include "executors/docker/exit_reading.hpp"
#include "executors/docker/names.hpp"
#include "muster/spec/duration.hpp"

#include <algorithm>
#include <utility>

// From a specification to a container that could be started.
namespace muster::docker {

namespace {

/// How often a call is repeated while the daemon fails, before the group is sent back.
constexpr int most_tries = 5;
/// How often something that was made is found gone, and made again.
constexpr int most_made_again = 3;

error creation_error(const attempt& x, const engine_error& why) {
  if (why.message.find("bind source path does not exist") != std::string::npos)
    return {ec::unsupported, "the Docker daemon does not see the files of this host (" + why.message +
                                 "); it must run on this host, outside of a container or a virtual machine"};
  if (why.transient() || why.kind == failure::permission || why.kind == failure::tls)
    return to_error(why);
  return {ec::start_failed, start_error_text(why.message, x.program, x.image)};
}

} // namespace

void driver_core::begin(const attempt_ref& x) {
  x->deadline = loop_.after(config_.prepare_timeout, [this, w = std::weak_ptr(x)] {
    if (const auto it = w.lock(); it && it->at == phase::preparing)
      fail_prepare(it, {ec::start_timeout,
                        "it was not ready to start within " + spec::to_string(duration{config_.prepare_timeout})});
  });
  // What an earlier preparation left goes first. Never within a request.
  removals_.when_gone(x->name, [this, w = std::weak_ptr(x)] {
    loop_.post([this, w] {
      if (const auto it = w.lock(); it && it->at == phase::preparing)
        gather(it);
    });
  });
}

void driver_core::gather(const attempt_ref& x) {
  if (const auto permitted = check_permissions(*x->spec, config_.permissions); !permitted)
    return fail_prepare(x, permitted.failure());
  if (const auto reachable = check_address(*x->spec, config_.node_address, daemon_.space); !reachable)
    return fail_prepare(x, reachable.failure());
  x->parts_missing = 2;
  want_image(x);
  want_network(x);
}

void driver_core::want_image(const attempt_ref& x) {
  const auto taker = [this, w = std::weak_ptr(x)](result<image_info> found) {
    const auto it = w.lock();
    if (!it)
      return;
    if (!found)
      return fail_prepare(it, found.failure());
    it->found_image = std::make_shared<const image_info>(*std::move(found));
    got_part(it);
  };
  const auto on_progress = [this, w = std::weak_ptr(x)](const std::string& text) {
    if (const auto it = w.lock(); it && it->at == phase::preparing)
      say_progress(it->id, text);
  };
  x->image_ticket = images_.ensure(x->image, taker, on_progress);
}

/// A task alone is in the daemon's own network, unless it has an address: that costs the daemon less than one of ours.
/// Who is in the host's network needs that of its gang too, where the others find it at the gateway; unless the gang is
/// on several nodes: then all are in the networks of their hosts.
void driver_core::want_network(const attempt_ref& x) {
  const bool is_alone = x->spec->peers.size() < 2;
  const bool has_node_address = config_.node_address && x->spec->address == *config_.node_address;
  if (is_in_host_network(*x->spec, config_.node_address) && (is_alone || has_node_address))
    return got_part(x);
  if (is_alone && x->spec->address.empty() && daemon_.has_bridge) {
    x->network = default_bridge;
    return got_part(x);
  }
  const auto which = network_of(*x->spec, config_.head, daemon_.space);
  x->network = which.name;
  x->fixed_address = which.block.has_value();
  networks_.acquire(which, x->id, [this, w = std::weak_ptr(x)](const result<void>& made) {
    const auto it = w.lock();
    if (!it)
      return;
    if (!made)
      return fail_prepare(it, made.failure());
    got_part(it);
  });
}

void driver_core::got_part(const attempt_ref& x) {
  if (--x->parts_missing == 0 && x->at == phase::preparing)
    make_files(x);
}

void driver_core::make_files(const attempt_ref& x) {
  files_([this, w = std::weak_ptr(x), spec = x->spec, working_folder = x->found_image->working_folder,
          failures = unpublished_] {
    auto made = [&]() -> result<attempt_files> {
      for (const auto& input : spec->inputs) {
        auto sources = input.parts;
        sources.emplace_back(std::string{}, input.source);
        for (const auto& [name, source] : sources)
          if (const auto at = failures->find(source.string()); at != failures->end())
            return error{ec::data_error,
                         "the output of task '" + input.task + "' could not be published: " + at->second};
      }
      return daemon_.shares_disk ? make_attempt_files(*spec, config_, working_folder)
                                 : make_remote_files(*spec, config_, working_folder);
    }();
    loop_.post([this, w, made = std::move(made)]() mutable {
      const auto it = w.lock();
      if (!it || it->at != phase::preparing)
        return;
      if (!made)
        return fail_prepare(it, made.failure());
      it->files = *std::move(made);
      create(it);
    });
  });
}

void driver_core::create(const attempt_ref& x) {
  container_plan plan;
  plan.image = images::read_name(x->image)->familiar();
  plan.network = x->network;
  plan.fixed_address = x->fixed_address;
  plan.mounts = x->files.mounts;
  plan.has_peers_file = x->files.has_peers_file;
  plan.takes_result = x->files.takes_result;
  auto config = make_container_config(*x->spec, config_, plan, daemon_.facts);
  if (!config)
    return fail_prepare(x, config.failure());
  x->config = *std::move(config);
  creations_.enter(x->group, [this, w = std::weak_ptr(x)] {
    const auto it = w.lock();
    if (!it || it->at != phase::preparing)
      return loop_.post([this] { creations_.leave(); });
    it->may_appear = true;
    engine_.create_container(it->name, it->config,
                             [this, w, id = it->id, name = it->name](outcome<created_container> how) {
                               creations_.leave();
                               if (const auto still = w.lock())
                                 return created(still, std::move(how));
                               // Nobody wants it any more; unless it is prepared again, and will find it there.
                               if (how && !find(id))
                                 removals_.add(name, how->id, false, {});
                             });
  });
}

void driver_core::created(const attempt_ref& x, outcome<created_container> how) {
  if (!how)
    return create_failed(x, how.failure());
  x->may_appear = false;
  x->container = std::move(how->id);
  by_container_[x->container] = x;
  x->pause.reset();
  upload(x);
}

void driver_core::create_failed(const attempt_ref& x, const engine_error& why) {
  if (!why.transient())
    x->may_appear = false;
  if (why.kind == failure::conflict)
    return look_at_namesake(x);
  const bool is_gone = why.kind == failure::not_found && (why.about == object::image || why.about == object::network);
  if (is_gone && ++x->made_again <= most_made_again) {
    x->parts_missing = 1;
    if (why.about == object::image) {
      images_.forget(x->image);
      return want_image(x);
    }
    networks_.forget(x->network);
    return want_network(x);
  }
  if (is_gone)
    return fail_prepare(x, {ec::unavailable, why.message});
  if (why.transient() && try_again(x, &driver_core::create))
    return;
  fail_prepare(x, creation_error(*x, why));
}

/// The next try of `what`, later; false if there were enough.
bool driver_core::try_again(const attempt_ref& x, void (driver_core::*what)(const attempt_ref&)) {
  if (x->pause.tries() >= most_tries)
    return false;
  x->timer = loop_.after(x->pause.next(), [this, w = std::weak_ptr(x), what] {
    if (const auto it = w.lock(); it && it->at == phase::preparing)
      (this->*what)(it);
  });
  return true;
}

/// A container of that name exists: made by an earlier runtime, or by a call whose answer was lost.
void driver_core::look_at_namesake(const attempt_ref& x) {
  engine_.inspect_container(x->name, [this, w = std::weak_ptr(x)](const outcome<container_info>& found) {
    const auto it = w.lock();
    if (!it || it->at != phase::preparing)
      return;
    if (found)
      return take_over(it, *found);
    if ((found.kind() == failure::not_found || found.failure().transient()) && try_again(it, &driver_core::create))
      return;
    fail_prepare(it, creation_error(*it, found.failure()));
  });
}

void driver_core::take_over(const attempt_ref& x, const container_info& found) {
  if (attempt_of(found.labels, config_.head) != x->id)
    return fail_prepare(
        x, {ec::conflict, "a container named '" + x->name + "' exists that is not Muster's; remove or rename it"});
  const bool is_new = found.status == container_status::created && !found.started;
  const auto setup = found.labels.find(setup_label);
  const bool is_same = setup != found.labels.end() && setup->second == setup_of(x->config);
  if (is_new && is_same && found.error.empty()) {
    x->may_appear = false;
    x->container = found.id;
    by_container_[x->container] = x;
    return upload(x);
  }
  if (is_new || found.status == container_status::removing) {
    // Never started, and not as it is wanted now: with another address, say.
    if (++x->made_again > most_made_again)
      return fail_prepare(x, {ec::unavailable, "the container '" + x->name + "' is in the way and cannot be removed"});
    return removals_.add(x->name, found.id, false, [this, w = std::weak_ptr(x)] {
      if (const auto it = w.lock(); it && it->at == phase::preparing)
        create(it);
    });
  }
  // It was started before: that counts.
  x->may_appear = false;
  x->container = found.id;
  by_container_[x->container] = x;
  x->was_started = true;
  prepared(x);
}

void driver_core::upload(const attempt_ref& x) {
  if (x->files.archive.empty())
    return look_for_program(x);
  engine_.upload_archive(x->container, "/", x->files.archive, [this, w = std::weak_ptr(x)](const outcome<void>& how) {
    const auto it = w.lock();
    if (!it || it->at != phase::preparing)
      return;
    if (how)
      return look_for_program(it);
    if (how.failure().transient() && try_again(it, &driver_core::upload))
      return;
    if (how.failure().transient())
      return fail_prepare(it, to_error(how.failure()));
    fail_prepare(it,
                 {ec::data_error, "the files of the task cannot be put into its container: " + how.failure().message});
  });
}

/// Without an init in front, the daemon itself says at the start that there is no such program.
void driver_core::look_for_program(const attempt_ref& x) {
  const auto& task = x->spec->task;
  const auto is_path = [](const auto& variable) { return variable.first == "PATH"; };
  if (!config_.init || !task.files.empty() || !task.volume_mounts.empty() ||
      std::any_of(task.environment.begin(), task.environment.end(), is_path))
    return prepared(x);
  programs_.look(x->container, *x->found_image, x->program, [this, w = std::weak_ptr(x)](bool is_there) {
    const auto it = w.lock();
    if (!it || it->at != phase::preparing)
      return;
    if (!is_there)
      return fail_prepare(it,
                          {ec::start_failed, start_error_text("executable file not found", it->program, it->image)});
    prepared(it);
  });
}

void driver_core::prepared(const attempt_ref& x) {
  x->at = phase::prepared;
  drop_timers(*x);
  x->pause.reset();
  x->files = {};
  x->found_image.reset();
  x->config = {};
  x->spec.reset();
  if (x->then_start)
    return enter_gate(x);
  say_prepared(x->id, {});
}

void driver_core::fail_prepare(const attempt_ref& x, error why) {
  const auto id = x->id;
  discard(x);
  say_prepared(id, std::move(why));
}

} // namespace muster::docker
