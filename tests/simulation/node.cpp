#include "node.hpp"

#include "executors/remote/attempt_text.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace muster::simulation {

namespace {

constexpr moment first_pause = std::chrono::milliseconds{200};
constexpr moment longest_pause = std::chrono::seconds{5};
constexpr moment connect_limit = std::chrono::seconds{5};
constexpr moment take_up_limit = std::chrono::seconds{60};

} // namespace

node::node(universe& all, process_config& config, machine& runs, setup how)
    : all_(all), config_(config), runs_(runs), how_(std::move(how)), pause_(first_pause) {
  runs_.on_change([this](attempt_id id, bool is_removal) {
    dropped_.clear(); // What is noted or marked is synced, and all that was done before with it.
    if (is_removal)
      keep_dropped(id);
  });
}

node::~node() {
  static_cast<void>(kill(false));
}

void node::start() {
  all_.say(name() + ": agent starts");
  process_ = std::make_unique<process>(name(), config_, all_.time.now());
  ++incarnations_;
  agent::agent_setup x;
  x.runs = runs_.make_driver(*process_);
  x.drivers = {"simulated"};
  x.ledger = how_.folder / "attempts";
  x.look_every = std::chrono::duration_cast<std::chrono::milliseconds>(how_.alive_every);
  x.silence_limit = 20 * x.look_every;
  x.on_end = [this, where = process_.get()] {
    if (where->is_alive())
      ended();
  };
  agent_ = process_->own(process_->system().spawn(agent::run_agent, std::move(x)));
  join();
}

std::unique_ptr<process> node::kill(bool machine_is_up) {
  if (!process_)
    return nullptr;
  all_.say(name() + ": agent is killed");
  process_->kill();
  for (const auto& x : connections_)
    x->end(connection::agent_side, machine_is_up && !partitioned_);
  if (all_.broken == planted::amnesia)
    forget_what_it_was_told();
  connection_ = nullptr;
  seen_by_head_ = nullptr;
  seen_by_agent_ = nullptr;
  agent_ = nullptr;
  joining_ = 0;
  connected_ = false;
  pause_ = first_pause;
  return std::move(process_);
}

void node::forget_all() {
  ++memory_;
  forget_what_it_was_told();
}

void node::forget_what_it_was_told() {
  std::error_code ignored;
  std::filesystem::remove_all(how_.folder, ignored);
}

/// A copy of its note is kept: dropping it is not synced.
void node::keep_dropped(attempt_id id) {
  std::error_code ignored;
  const auto kept = how_.folder / "dropped";
  std::filesystem::create_directories(kept, ignored);
  const auto name = to_string(id) + ".gone";
  std::filesystem::copy_file(notes() / name, kept / name, std::filesystem::copy_options::overwrite_existing, ignored);
  dropped_.push_back(name);
}

std::filesystem::path node::notes() const {
  return how_.folder / "attempts" / how_.head;
}

void node::remember_what_was_dropped() {
  for (const auto& name : std::exchange(dropped_, {})) {
    if (all_.random.percent(50))
      continue;
    all_.say(this->name() + ": " + name + " is there again");
    std::error_code ignored;
    std::filesystem::copy_file(how_.folder / "dropped" / name, notes() / name,
                               std::filesystem::copy_options::skip_existing, ignored);
  }
}

void node::freeze() {
  if (!process_ || process_->is_frozen())
    return;
  all_.say(name() + ": agent is frozen");
  process_->freeze();
  update_cut();
}

void node::thaw() {
  if (!process_ || !process_->is_frozen())
    return;
  all_.say(name() + ": agent goes on");
  process_->thaw(all_.time.now());
  update_cut();
}

void node::set_partitioned(bool x) {
  if (partitioned_ == x)
    return;
  all_.say(name() + (x ? " is cut off" : " can be reached again"));
  partitioned_ = x;
  update_cut();
}

void node::head_is_silent(bool x) {
  head_silent_ = x;
  update_cut();
}

void node::head_has_ended() {
  head_silent_ = false;
  for (const auto& x : connections_)
    x->end(connection::head_side, !partitioned_);
  seen_by_head_ = nullptr;
}

void node::update_cut() {
  for (const auto& x : connections_)
    x->set_cut(partitioned_ || head_silent_ || (process_ && process_->is_frozen()));
}

/// Does it in the agent's process, unless that is another one by then.
void node::later(moment delay, std::function<void()> what) {
  all_.time.after(delay, [this, incarnation = incarnations_, what = std::move(what)] {
    if (process_ && incarnations_ == incarnation)
      process_->when_awake(what);
  });
}

// -- the connector

/// As the thread of an agent that connects it does: whenever it is not connected.
void node::join() {
  if (!process_ || !process_->is_alive() || joining_ != 0)
    return;
  joining_ = ++joins_;
  const auto number = joining_;
  if (connection_ && connection_->is_open(connection::agent_side))
    return say_hello();
  const auto door = how_.door();
  if (partitioned_ || head_silent_) {
    return later(connect_limit, [this, number] {
      if (joining_ == number)
        join_failed("nobody answers");
    });
  }
  if (door.where == nullptr)
    return join_failed("connection refused");
  connections_.erase(
      std::remove_if(connections_.begin(), connections_.end(), [](const auto& x) { return x->is_over(); }),
      connections_.end());
  connection_ =
      connections_.emplace_back(connection::open(all_, name() + "~" + std::to_string(number), *process_, *door.where));
  seen_by_head_ = connection_->stand_in(agent::agent_link{agent_});
  seen_by_agent_ = nullptr;
  say_hello();
}

void node::say_hello() {
  const auto number = joining_;
  const auto over = connection_;
  agent::hello who;
  who.node = name();
  who.pool = how_.pool;
  who.memory = name() + "-memory-" + std::to_string(memory_);
  who.incarnation = incarnations_;
  who.offered = remote::encode(runs_.offered());
  who.address = "10.0.0." + name().substr(1);
  over->send(connection::agent_side, "hello", [this, number, over, who, as = seen_by_head_] {
    const auto door = how_.door();
    if (door.where == nullptr)
      return;
    const auto refused = [this, number, over](const caf::error&) {
      over->send(connection::head_side, "refusal", [this, number] {
        if (joining_ == number)
          join_failed("refused");
      });
    };
    const auto welcomed = [this, number, over](const agent::welcome& answer, const agent::fleet_link& to) {
      over->send(connection::head_side, "welcome", [this, number, answer, to] { take_welcome(number, answer, to); });
    };
    door.where->system().spawn([=, gate = door.gate](caf::event_based_actor* self) {
      self->request(gate, caf::infinite, agent::hello_atom::value, who, as).then(welcomed, refused);
    });
  });
  later(connect_limit, [this, number] {
    if (joining_ == number)
      join_failed("no answer");
  });
}

void node::take_welcome(std::uint64_t number, const agent::welcome& answer, const agent::fleet_link& head) {
  if (joining_ != number || !process_ || !process_->is_alive())
    return;
  seen_by_agent_ = connection_->stand_in(head); // Of this session.
  joining_ = ++joins_;                          // The limit of `hello` does not count any more.
  session_over_ = false;
  const auto now = joining_;
  auto* where = process_.get();
  const auto good = [this, now, where](std::uint64_t) {
    if (!where->is_alive() || joining_ != now)
      return;
    if (session_over_)
      return join_failed("it was lost again at once");
    joining_ = 0;
    connected_ = true;
    pause_ = first_pause;
    all_.say(name() + ": agent has joined");
  };
  const auto bad = [this, now, where](const caf::error& why) {
    if (where->is_alive() && joining_ == now)
      join_failed("cannot begin: " + caf::to_string(why));
  };
  where->system().spawn([=, to = agent_, link = seen_by_agent_](caf::event_based_actor* self) {
    self->request(to, caf::duration{take_up_limit}, agent::begin_atom::value, answer, link).then(good, bad);
  });
}

void node::join_failed(const std::string& why) {
  all_.say(name() + ": agent cannot join: " + why);
  joining_ = 0;
  const auto delay = all_.random.between(pause_ / 2, pause_);
  pause_ = std::min(pause_ * 2, longest_pause);
  later(delay, [this] { join(); });
}

/// The AGENT's session is over.
void node::ended() {
  session_over_ = true;
  if (std::exchange(connected_, false))
    later(moment{0}, [this] { join(); });
}

} // namespace muster::simulation
