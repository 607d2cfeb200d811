#include "actors/agents/attempt_table.hpp"
#include "actors/agents/held_attempts.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>

using namespace muster;

namespace {

attempt_id id_of(std::uint32_t number) {
  return {{1}, {number}, 0};
}

constexpr epoch first{1};

attempt_spec_ptr spec_of(attempt_id id, bool then_start, epoch lease = first) {
  auto x = std::make_shared<attempt_spec>();
  x->id = id;
  x->lease = lease;
  x->then_start = then_start;
  return x;
}

attempt_report said_of(attempt_id id, report_kind kind) {
  attempt_report x;
  x.id = id;
  x.kind = kind;
  if (kind == report_kind::exited)
    x.exit.started = timestamp{duration{1}};
  return x;
}

node_report report_of(attempt_id id, report_kind kind, epoch lease = first) {
  return {lease, said_of(id, kind), false};
}

const auto nothing_is_over = [](attempt_id) { return false; };

std::vector<node_verb> verbs(const std::vector<node_command>& x) {
  std::vector<node_verb> out;
  for (const auto& c : x)
    out.push_back(c.verb);
  return out;
}

std::vector<report_kind> kinds(const report_list& x) {
  std::vector<report_kind> out;
  for (const auto& r : x)
    out.push_back(r.kind);
  return out;
}

using V = std::vector<node_verb>;
using K = std::vector<report_kind>;

} // namespace

TEST_CASE("what a node was to do while it was away is said when it is here") {
  attempt_table table;
  CHECK(table.prepare(spec_of(id_of(0), true)).commands.empty());
  const auto met = table.connected("a", first, {}, nothing_is_over);
  CHECK(verbs(met.commands) == V{node_verb::prepare});
  CHECK(met.reports.empty());
}

TEST_CASE("an attempt that the node never heard of is sent again, and one that ran is not") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  static_cast<void>(table.prepare(spec_of(id_of(0), true)));
  static_cast<void>(table.prepare(spec_of(id_of(1), true)));
  CHECK(kinds(table.reported(report_of(id_of(1), report_kind::started)).reports) == K{report_kind::started});
  table.disconnected();
  const auto met = table.connected("a", first, {}, nothing_is_over);
  REQUIRE(met.commands.size() == 1);
  CHECK(met.commands[0].id == id_of(0));
  REQUIRE(met.reports.size() == 1);
  CHECK(met.reports[0].id == id_of(1));
  CHECK(met.reports[0].kind == report_kind::lost);
}

TEST_CASE("a node that comes back with another memory starts nothing a second time") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  static_cast<void>(table.prepare(spec_of(id_of(0), true)));
  table.disconnected();
  const auto met = table.connected("b", first, {}, nothing_is_over);
  CHECK(met.commands.empty());
  CHECK(kinds(met.reports) == K{report_kind::lost});
}

TEST_CASE("what was said while nobody listened is made up for") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  static_cast<void>(table.prepare(spec_of(id_of(0), true)));
  table.disconnected();
  const auto met = table.connected("a", first, {report_of(id_of(0), report_kind::exited)}, nothing_is_over);
  CHECK(kinds(met.reports) == K{report_kind::started, report_kind::exited});
  CHECK(verbs(table.remove(id_of(0)).commands) == V{node_verb::remove});
  CHECK(table.size() == 0);
}

TEST_CASE("who is given up is not believed any more, and is ended when it comes back") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  static_cast<void>(table.prepare(spec_of(id_of(0), true)));
  static_cast<void>(table.reported(report_of(id_of(0), report_kind::started)));
  table.disconnected();
  CHECK(kinds(table.give_up("node n1 is lost").reports) == K{report_kind::displaced});
  CHECK(table.unsettled() == 1);
  CHECK(table.give_up("again").reports.empty());
  CHECK(table.remove(id_of(0)).commands.empty());

  const auto met = table.connected("a", first, {report_of(id_of(0), report_kind::started)}, nothing_is_over);
  CHECK(met.reports.empty());
  REQUIRE(verbs(met.commands) == V{node_verb::stop});
  CHECK(met.commands[0].grace == 0);
  CHECK(table.unsettled() == 1);
  const auto ended = table.reported(report_of(id_of(0), report_kind::exited));
  CHECK(ended.reports.empty());
  CHECK(verbs(ended.commands) == V{node_verb::remove});
  CHECK(table.unsettled() == 0);
  CHECK(table.size() == 0);
}

TEST_CASE("what never came to a node that is given up goes elsewhere, and leaves nothing") {
  attempt_table table;
  static_cast<void>(table.prepare(spec_of(id_of(0), true)));
  CHECK(kinds(table.give_up("node n1 is lost").reports) == K{report_kind::displaced});
  CHECK(table.unsettled() == 0);
  CHECK(table.size() == 0);
}

TEST_CASE("what an earlier run of the head gave up holds what it has until it is ended") {
  attempt_table table;
  const auto met =
      table.connected("a", first, {report_of(id_of(0), report_kind::started), report_of(id_of(1), report_kind::exited)},
                      [](attempt_id) { return true; });
  CHECK(met.reports.empty());
  CHECK(table.unsettled() == 1);
  static_cast<void>(table.reported(report_of(id_of(0), report_kind::exited)));
  CHECK(table.unsettled() == 0);
  CHECK(table.size() == 0);
}

TEST_CASE("what is prepared and removed before it was started is ended and forgotten") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  static_cast<void>(table.prepare(spec_of(id_of(0), false)));
  static_cast<void>(table.reported(report_of(id_of(0), report_kind::prepared)));
  const auto removed = table.remove(id_of(0));
  REQUIRE(verbs(removed.commands) == V{node_verb::stop});
  CHECK(removed.commands[0].grace == 0);
  const auto ended = table.reported(report_of(id_of(0), report_kind::exited));
  CHECK(ended.reports.empty());
  CHECK(verbs(ended.commands) == V{node_verb::remove});
  CHECK(table.size() == 0);

  table.disconnected();
  static_cast<void>(table.prepare(spec_of(id_of(1), false))); // It never came there.
  CHECK(table.remove(id_of(1)).commands.empty());
  CHECK(table.size() == 0);
}

TEST_CASE("what a node holds that is over is ended, and what is not waits to be adopted") {
  attempt_table table;
  const auto met = table.connected(
      "a", first, {report_of(id_of(0), report_kind::started), report_of(id_of(1), report_kind::started)},
      [](attempt_id x) { return x == id_of(0); });
  REQUIRE(met.commands.size() == 1);
  CHECK(met.commands[0].id == id_of(0));
  CHECK(met.commands[0].verb == node_verb::stop);
  CHECK(table.adopt(id_of(1), first).first == adoption::running);
  CHECK(kinds(table.reported(report_of(id_of(1), report_kind::exited)).reports) == K{report_kind::exited});
}

TEST_CASE("what nobody has asked for is ended as soon as it is over") {
  attempt_table table;
  static_cast<void>(table.connected(
      "a", first, {report_of(id_of(0), report_kind::prepared), report_of(id_of(1), report_kind::exited)},
      nothing_is_over));
  CHECK(table.review(nothing_is_over).commands.empty());
  const auto over = table.review([](attempt_id) { return true; });
  CHECK(over.reports.empty());
  CHECK(over.commands.size() == 2); // One is stopped, of the other nothing runs.
  CHECK(verbs(table.reported(report_of(id_of(0), report_kind::exited)).commands) == V{node_verb::remove});
  CHECK(table.size() == 0);
}

TEST_CASE("what nobody has asked for keeps its node from being used until it is claimed or has ended") {
  attempt_table table;
  static_cast<void>(
      table.connected("a", first,
                      {report_of(id_of(0), report_kind::started), report_of(id_of(1), report_kind::started),
                       report_of(id_of(2), report_kind::exited), report_of(id_of(3), report_kind::started),
                       report_of(id_of(4), report_kind::prepared), report_of(id_of(5), report_kind::started)},
                      nothing_is_over));
  CHECK(table.unsettled() == 5); // One has ended.
  CHECK(table.adopt(id_of(0), first).first == adoption::running);
  CHECK(table.unsettled() == 4); // Booked.
  CHECK(table.reported(report_of(id_of(1), report_kind::exited)).commands.empty());
  CHECK(table.unsettled() == 3);
  CHECK(table.adopt(id_of(4), first).first == adoption::never_started);
  CHECK(table.unsettled() == 3); // It is being ended, and holds what it has until then.
  static_cast<void>(table.reported(report_of(id_of(4), report_kind::exited)));
  CHECK(table.unsettled() == 2);
  CHECK(table.adopt(id_of(5), epoch{2}).first == adoption::never_started); // Another life of it, recorded since.
  CHECK(table.unsettled() == 2);
  CHECK(verbs(table.review([](attempt_id x) { return x == id_of(3); }).commands) == V{node_verb::stop});
  CHECK(table.unsettled() == 2);
  table.disconnected();
  // It says the same again, but for one that has ended meanwhile and is forgotten there.
  static_cast<void>(
      table.connected("a", first,
                      {report_of(id_of(0), report_kind::started), report_of(id_of(1), report_kind::exited),
                       report_of(id_of(2), report_kind::exited), report_of(id_of(5), report_kind::started)},
                      nothing_is_over));
  CHECK(table.unsettled() == 1);
  static_cast<void>(table.reported(report_of(id_of(5), report_kind::exited)));
  CHECK(table.unsettled() == 0);
}

TEST_CASE("what was lost when it was adopted goes when that is recorded") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {report_of(id_of(0), report_kind::lost)}, nothing_is_over));
  CHECK(table.adopt(id_of(0), first).first == adoption::lost);
  CHECK(table.review(nothing_is_over).commands.empty());
  CHECK(verbs(table.review([](attempt_id) { return true; }).commands) == V{node_verb::remove});
  CHECK(table.size() == 0);
}

TEST_CASE("what a restarted head is told of its attempts") {
  attempt_table table;
  const node_reports held{report_of(id_of(0), report_kind::exited), report_of(id_of(1), report_kind::prepared),
                          report_of(id_of(2), report_kind::started)};
  static_cast<void>(table.connected("a", first, held, nothing_is_over));
  const auto exited = table.adopt(id_of(0), first);
  CHECK(exited.first == adoption::exited);
  CHECK(kinds(exited.second.reports) == K{report_kind::exited});
  const auto prepared = table.adopt(id_of(1), first);
  CHECK(prepared.first == adoption::never_started);
  CHECK(verbs(prepared.second.commands) == V{node_verb::stop});
  CHECK(table.adopt(id_of(2), first).first == adoption::running);
  CHECK(table.adopt(id_of(3), first).first == adoption::never_started);

  // It is prepared anew under another lease, and what is said of the old one counts no more.
  CHECK(verbs(table.prepare(spec_of(id_of(1), true, epoch{2})).commands) == V{node_verb::prepare});
  CHECK(table.reported(report_of(id_of(1), report_kind::exited)).reports.empty());
  CHECK(kinds(table.reported(report_of(id_of(1), report_kind::started, epoch{2})).reports) == K{report_kind::started});
}

TEST_CASE("what a restarted head took for running and cannot be started goes elsewhere") {
  for (const auto kind : {report_kind::start_failed, report_kind::prepare_failed}) {
    attempt_table table;
    auto preparing = report_of(id_of(0), report_kind::progress);
    preparing.then_start = true;
    static_cast<void>(table.connected("a", first, {preparing}, nothing_is_over));
    CHECK(table.adopt(id_of(0), first).first == adoption::running);
    CHECK(kinds(table.reported(report_of(id_of(0), kind)).reports) == K{report_kind::displaced});
    CHECK(table.size() == 0);
  }
}

TEST_CASE("nobody knows of an attempt of an absent node whether it was started, until the node says so") {
  for (const bool forgot : {false, true}) {
    attempt_table table;
    CHECK(table.adopt(id_of(0), first).first == adoption::away);
    CHECK(table.adopt(id_of(1), first).first == adoption::away);
    CHECK(table.adopt(id_of(2), first).first == adoption::away);
    const auto met = table.connected("a", forgot ? epoch{first.value + 1} : first,
                                     {report_of(id_of(0), report_kind::started)}, nothing_is_over);
    const auto kind = forgot ? report_kind::lost : report_kind::displaced; // The same memory never had them.
    const auto& told = kinds(met.reports);
    CHECK(std::count(told.begin(), told.end(), kind) == 2);
    CHECK(std::count(told.begin(), told.end(), report_kind::started) == 1);
    CHECK(table.unsettled() == 0);
    static_cast<void>(table.remove(id_of(1)));
    static_cast<void>(table.remove(id_of(2)));
    CHECK(table.size() == 1);
  }
}

TEST_CASE("what the head ended before it started, on a node that was away meanwhile, goes elsewhere") {
  attempt_table table;
  CHECK(table.adopt(id_of(0), first).first == adoption::away);
  const auto met = table.connected("a", first, {report_of(id_of(0), report_kind::prepared)}, nothing_is_over);
  CHECK(kinds(met.reports) == K{report_kind::displaced});
  CHECK(verbs(met.commands) == V{node_verb::stop});
  CHECK(table.unsettled() == 1);
  static_cast<void>(table.remove(id_of(0)));
  static_cast<void>(table.reported(report_of(id_of(0), report_kind::exited)));
  CHECK(table.unsettled() == 0);
  CHECK(table.size() == 0);
}

TEST_CASE("what was ended on its node before it was started is nobody's failure for a restarted head") {
  attempt_table table;
  CHECK(table.adopt(id_of(0), first).first == adoption::away);
  auto ended = report_of(id_of(0), report_kind::exited); // As one that was prepared, and whose gang left.
  ended.what.exit.started = {};
  ended.what.exit.code = 143;
  CHECK(kinds(table.connected("a", first, {ended}, nothing_is_over).reports) == K{report_kind::displaced});
  CHECK(table.unsettled() == 0);
  static_cast<void>(table.remove(id_of(0)));
  CHECK(table.size() == 0);
}

TEST_CASE("what was told to stop without grace can be given up alone, and stays fenced") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  for (std::uint32_t i = 0; i < 2; ++i) {
    static_cast<void>(table.prepare(spec_of(id_of(i), true)));
    static_cast<void>(table.reported(report_of(id_of(i), report_kind::started)));
  }
  table.disconnected();
  static_cast<void>(table.stop(id_of(0), 0));
  static_cast<void>(table.stop(id_of(1), 1));
  const auto then = table.give_up_forced("node n1 is lost");
  REQUIRE(kinds(then.reports) == K{report_kind::displaced});
  CHECK(then.reports[0].id == id_of(0));
  CHECK(table.remove(id_of(0)).commands.empty());
  CHECK(table.unsettled() == 1);
  CHECK(verbs(table.connected("a", first, {report_of(id_of(0), report_kind::started)}, nothing_is_over).commands) ==
        V{node_verb::stop});
}

TEST_CASE("a start waits until the node has made ready anew what a restart of it took") {
  attempt_table table;
  static_cast<void>(table.connected("a", first, {}, nothing_is_over));
  static_cast<void>(table.prepare(spec_of(id_of(0), false)));
  static_cast<void>(table.reported(report_of(id_of(0), report_kind::prepared)));
  table.disconnected();
  static_cast<void>(table.connected("a", first, {report_of(id_of(0), report_kind::progress)}, nothing_is_over));
  CHECK(table.start(id_of(0)).commands.empty());
  const auto ready = table.reported(report_of(id_of(0), report_kind::prepared));
  CHECK(ready.reports.empty());
  CHECK(verbs(ready.commands) == V{node_verb::start});
}

namespace {

/// A head, a node and what lies between them, all of which fail.
class world {
public:
  explicit world(std::uint64_t seed) : random_(seed) {
    for (std::uint32_t i = 0; i < owners; ++i)
      owners_[i].alone = chance(50);
    connect();
  }

  void step() {
    switch (pick(20)) {
      case 0: disconnect(); break;
      case 1:
        if (!connected_)
          connect();
        break;
      case 2:
        if (chance(20))
          restart_node();
        break;
      case 3:
        if (chance(5))
          wipe_node();
        break;
      case 4:
        if (chance(20))
          restart_head();
        break;
      case 5:
        if (!connected_ && chance(20))
          apply(table_.give_up("lost"));
        break;
      case 6:
      case 7:
      case 8:
      case 9: act(pick(owners)); break;
      case 10:
      case 11:
      case 12: deliver_to_node(); break;
      case 13:
      case 14:
      case 15: deliver_to_head(); break;
      default: work();
    }
    check();
  }

  /// All that is under way comes to its end.
  void settle() {
    for (int round = 0; round < 2'000; ++round) {
      if (!connected_)
        connect();
      while (deliver_to_node() || deliver_to_head()) {
      }
      for (std::uint32_t i = 0; i < owners; ++i)
        act(i);
      for (int i = 0; i < 4; ++i)
        work();
      check();
    }
    std::string text;
    for (std::uint32_t i = 0; i < owners; ++i)
      if (owners_[i].at != owner::removed)
        text += " attempt " + std::to_string(i) + " is at " + std::to_string(owners_[i].at);
    require(text.empty(), "everything ends:" + text);
    require(table_.size() == 0, "the head forgets");
    require(table_.unsettled() == 0, "nothing stays doubtful");
    require(held_.size() == 0 && ledger_.empty() && processes_.empty(), "the node forgets");
  }

  [[nodiscard]] const std::string& trace() const noexcept { return trace_; }

private:
  static constexpr std::uint32_t owners = 6;

  /// What a GROUP does with one attempt.
  struct owner {
    enum state { idle, preparing, prepared, starting, running, ended, removed } at = idle;
    bool alone = false;
    bool stopped = false;
    epoch lease;
    std::uint32_t runs = 0;
  };
  struct process {
    enum state { preparing, prepared, running, ended } at = preparing;
    bool then_start = false;
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool chance(std::uint64_t percent) { return pick(100) < percent; }
  static void require(bool holds, const std::string& what) {
    if (!holds)
      throw std::logic_error(what);
  }

  template <class Kind>
  void note(const char* what, attempt_id id, Kind kind) {
    trace_ +=
        std::string{what} + ' ' + std::to_string(id.task.value) + ' ' + std::to_string(static_cast<int>(kind)) + '\n';
  }

  void check() const {
    for (const auto& [i, x] : owners_)
      require(x.runs <= 1, "attempt " + std::to_string(i) + " was started twice");
  }

  // -- the head
  void act(std::uint64_t i) {
    note("head acts at", id_of(static_cast<std::uint32_t>(i)), owners_[static_cast<std::uint32_t>(i)].at);
    auto& x = owners_[static_cast<std::uint32_t>(i)];
    const auto id = id_of(static_cast<std::uint32_t>(i));
    switch (x.at) {
      case owner::idle:
        x.at = x.alone ? owner::starting : owner::preparing;
        x.lease = {++leases_};
        apply(table_.prepare(spec_of(id, x.alone, x.lease)));
        break;
      case owner::prepared:
        x.at = owner::starting;
        apply(table_.start(id));
        break;
      case owner::ended:
        x.at = owner::removed;
        apply(table_.remove(id));
        break;
      case owner::preparing:
      case owner::starting:
      case owner::running:
        if (chance(10) && !x.stopped) {
          x.stopped = true;
          apply(table_.stop(id, 1'000));
        }
        break;
      case owner::removed: break;
    }
  }

  void hear(const attempt_report& r) {
    note("head hears", r.id, r.kind);
    auto& x = owners_[r.id.task.value];
    switch (r.kind) {
      case report_kind::progress: break;
      case report_kind::prepared:
        require(x.at == owner::preparing, "prepared is said once, to who waits for it");
        x.at = owner::prepared;
        break;
      case report_kind::prepare_failed:
        require(x.at == owner::preparing || (x.at == owner::starting && x.alone), "a prepare fails once");
        x.at = x.stopped ? owner::removed : owner::idle;
        break;
      case report_kind::started:
        require(x.at == owner::starting, "started is said once, to who waits for it");
        x.at = owner::running;
        break;
      case report_kind::start_failed:
        require(x.at == owner::starting, "a start fails once");
        x.at = owner::removed;
        break;
      case report_kind::exited:
        require(x.at >= owner::prepared && x.at <= owner::running, "an end is said once");
        require(r.exit.started == timestamp{} || x.at == owner::running, "what ran was said to have been started");
        x.at = owner::ended;
        break;
      case report_kind::displaced:
      case report_kind::lost:
        require(x.at >= owner::preparing && x.at <= owner::running, "a loss is said once");
        if (x.at == owner::preparing || x.at == owner::prepared)
          x.at = x.stopped ? owner::removed : owner::idle; // It waits for another place.
        else
          x.at = owner::ended;
        break;
    }
  }

  void apply(attempt_table::effects x) {
    if (connected_)
      for (auto& command : x.commands)
        to_node_.push_back(std::move(command));
    else
      require(x.commands.empty(), "nothing is sent to who is away");
    for (const auto& report : x.reports)
      hear(report);
  }

  void restart_head() {
    trace_ += "head restarts\n";
    disconnect();
    table_ = {};
    for (auto& [i, x] : owners_)
      if (x.at == owner::ended)
        x.at = owner::removed; // Its end is recorded: nobody asks for it.
    if (chance(50))            // What was recorded is taken up before or after the node is back.
      connect_and_meet();
    for (auto& [i, x] : owners_) {
      if (x.at == owner::idle || x.at == owner::removed)
        continue;
      auto [what, then] = table_.adopt(id_of(i), x.lease);
      x.at = what == adoption::never_started ? owner::idle
             : what == adoption::lost        ? owner::ended
             : what == adoption::away        ? owner::starting
                                             : owner::running;
      if (what == adoption::never_started && x.stopped)
        x.at = owner::removed;
      apply(std::move(then));
    }
  }

  // -- the connection
  void disconnect() {
    trace_ += "cut off\n";
    connected_ = false;
    met_ = false;
    to_node_.clear();
    to_head_.clear();
    table_.disconnected();
  }

  void connect() {
    connected_ = true;
    inventory_ = held_.all();
  }

  void connect_and_meet() {
    connect();
    meet();
  }

  void meet() {
    trace_ += "meet\n";
    for (const auto& x : inventory_)
      note("  held", x.what.id, x.what.kind);
    met_ = true;
    apply(table_.connected(identity_, since_, inventory_,
                           [this](attempt_id id) { return owners_[id.task.value].at == owner::removed; }));
  }

  bool deliver_to_node() {
    if (to_node_.empty())
      return false;
    const auto x = to_node_.front();
    to_node_.pop_front();
    carry_out(held_.command(x));
    return true;
  }

  bool deliver_to_head() {
    if (connected_ && !met_) {
      meet();
      return true;
    }
    if (to_head_.empty())
      return false;
    const auto x = to_head_.front();
    to_head_.pop_front();
    apply(table_.reported(x));
    return true;
  }

  // -- the node
  void carry_out(const held_attempts::calls& calls) {
    for (const auto& x : calls) {
      note("node does verb", x.id, x.verb);
      switch (x.verb) {
        case node_verb::prepare:
          ledger_[x.id.task.value] = x.spec;
          processes_[x.id.task.value] = {process::preparing, x.spec->then_start};
          break;
        case node_verb::start: {
          const auto at = processes_.find(x.id.task.value);
          if (at != processes_.end() && at->second.at == process::prepared)
            run(x.id);
          else if (at == processes_.end() || at->second.at == process::preparing)
            say(said_of(x.id, report_kind::start_failed));
          break;
        }
        case node_verb::stop: stop(x.id); break;
        case node_verb::remove:
          processes_.erase(x.id.task.value);
          ledger_.erase(x.id.task.value);
          break;
      }
    }
  }

  void run(attempt_id id) {
    processes_[id.task.value].at = process::running;
    ++owners_[id.task.value].runs;
    say(said_of(id, report_kind::started));
  }

  void stop(attempt_id id) {
    const auto at = processes_.find(id.task.value);
    if (at == processes_.end() || at->second.at == process::ended)
      return;
    const auto was = std::exchange(at->second.at, process::ended);
    if (was == process::preparing) {
      say(said_of(id, report_kind::prepare_failed));
      return;
    }
    auto end = said_of(id, report_kind::exited);
    if (was == process::prepared)
      end.exit.started = timestamp{};
    say(end);
  }

  void say(const attempt_report& x) {
    note("node says", x.id, x.kind);
    const auto [told, follows] = held_.report(x);
    carry_out(follows);
    if (connected_ && told)
      to_head_.push_back(*told);
  }

  /// Something happens to one attempt on the node.
  void work() {
    if (processes_.empty())
      return;
    auto at = processes_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(pick(processes_.size())));
    const auto id = id_of(at->first);
    switch (at->second.at) {
      case process::preparing:
        if (chance(10)) {
          at->second.at = process::ended;
          say(said_of(id, report_kind::prepare_failed));
        } else if (at->second.then_start) {
          run(id);
        } else {
          at->second.at = process::prepared;
          say(said_of(id, report_kind::prepared));
        }
        break;
      case process::running:
        at->second.at = process::ended;
        say(said_of(id, report_kind::exited));
        break;
      case process::prepared:
      case process::ended: break;
    }
  }

  void restart_node() {
    trace_ += "node restarts\n";
    disconnect();
    held_ = {};
    const auto before = std::exchange(processes_, {});
    for (const auto& [task, spec] : std::exchange(ledger_, {})) {
      ledger_[task] = spec;
      const auto at = before.find(task);
      const bool started = at != before.end() &&
                           (at->second.at == process::running || at->second.at == process::ended) &&
                           owners_[task].runs > 0;
      if (!started) {
        carry_out(held_.restore(spec, adoption::never_started));
        continue;
      }
      processes_[task] = at->second;
      const bool ended = at->second.at == process::ended;
      carry_out(held_.restore(spec, ended ? adoption::exited : adoption::running));
      if (ended)
        say(said_of(id_of(task), report_kind::exited));
    }
  }

  void wipe_node() {
    trace_ += "node is wiped\n";
    disconnect();
    held_ = {};
    processes_.clear();
    ledger_.clear();
    identity_ += "'";
    since_ = {++leases_};
  }

  std::mt19937_64 random_;
  std::string trace_;
  std::uint64_t leases_ = 0;
  attempt_table table_;
  std::map<std::uint32_t, owner> owners_;
  bool connected_ = false;
  bool met_ = false;
  node_reports inventory_;
  std::deque<node_command> to_node_;
  std::deque<node_report> to_head_;
  held_attempts held_;
  std::map<std::uint32_t, attempt_spec_ptr> ledger_;
  std::map<std::uint32_t, process> processes_;
  std::string identity_ = "a";
  epoch since_{0};
};

void play(std::uint64_t seed) {
  world x{seed};
  try {
    for (int i = 0; i < 400; ++i)
      x.step();
    x.settle();
  } catch (const std::logic_error& problem) {
    FAIL(x.trace() << "seed " << seed << ": " << problem.what() << " (replay: MUSTER_SEED=" << seed << ")");
  }
}

} // namespace

TEST_CASE("whatever fails between a head and a node, nothing starts twice and everything ends") {
  if (const auto* seed = std::getenv("MUSTER_SEED")) {
    play(std::stoull(seed));
    return;
  }
  const auto* wanted = std::getenv("MUSTER_SEEDS");
  const std::uint64_t seeds = wanted != nullptr ? std::stoull(wanted) : 2'000;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    play(seed);
  CHECK(seeds > 0);
}
