#pragma once

#include "actors/protocol/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muster {

/// Something that a node is to do for an attempt, as the functions of `driver`. Numbers are sent: they never change.
enum class node_verb : std::uint8_t { prepare = 1, start = 2, stop = 3, remove = 4 };

struct node_command {
  node_verb verb = node_verb::prepare;
  attempt_id id;
  epoch lease;             ///< By which it was placed there. Every other life of the attempt is left alone.
  std::uint32_t grace = 0; ///< Of `stop`, in milliseconds.
  attempt_spec_ptr spec;   ///< Of `prepare`.
};

/// What a node says of an attempt that it was given by this lease.
struct node_report {
  epoch lease;
  attempt_report what;
  /// It starts by itself when it is prepared, or was told to: it may have done so meanwhile.
  bool then_start = false;
};

using node_reports = std::vector<node_report>;

/// What the head knows of the attempts of one node, and what both sides are to be told so that they agree: a value,
/// without clock or network. The node may be away, come back, come back as another (its disk was replaced), or be given
/// up; whatever the order, an attempt is started once at most, and the listener hears what a `driver` owes it.
///
/// An attempt that never started may be placed again, under a newer lease: that is another life of it, and nothing that
/// is said of an older one counts.
class attempt_table {
public:
  /// What follows from a call, in order.
  struct effects {
    std::vector<node_command> commands; ///< To the node; none while it is away.
    report_list reports;                ///< To the listener.
  };

  // -- from the head: as the functions of `driver`
  [[nodiscard]] effects prepare(attempt_spec_ptr spec);
  [[nodiscard]] effects start(attempt_id id);
  [[nodiscard]] effects stop(attempt_id id, std::uint32_t grace);
  [[nodiscard]] effects remove(attempt_id id);
  /// After a restart of the head, of an attempt that it had given to this node: what became of it, as far as the node
  /// has said. While it is not here that is `away`, and what it really is shows when it is: it goes on as one that
  /// runs, or it is displaced if it was never started.
  [[nodiscard]] std::pair<adoption, effects> adopt(attempt_id id, epoch lease);

  // -- from the node
  /// It is here. `memory` is what it remembers by, which never forgets an attempt that it was told of, and all leases
  /// from `since` on were told to that one. `held` is the newest report of every attempt it knows; `progress` for what
  /// there is nothing to report of yet. What nobody here knows of is ended and removed if it `is_over`, and waits to be
  /// adopted otherwise.
  [[nodiscard]] effects connected(const std::string& memory, epoch since, const node_reports& held,
                                  const std::function<bool(attempt_id)>& is_over);
  /// Ends and removes what nobody will ask for, as soon as it `is_over` or elsewhere: what has waited to be adopted,
  /// and what was lost when it was.
  [[nodiscard]] effects review(const std::function<bool(attempt_id)>& is_over);
  /// It is away: commands wait for it.
  void disconnected() noexcept { here_.clear(); }
  [[nodiscard]] effects reported(const node_report& x);

  /// Gives up on what has not ended: the listener hears that it is displaced, for this reason, and nothing that the
  /// node says of it later counts. What of it still runs is ended when the node comes back.
  [[nodiscard]] effects give_up(const std::string& why);
  /// The same for what was told to stop without grace: nobody waits for its node.
  [[nodiscard]] effects give_up_forced(const std::string& why);

  /// Whether it knows this attempt and waits to be told that nobody needs it any more.
  [[nodiscard]] bool keeps(attempt_id id) const;
  /// Attempts that may run there, and that nobody here has booked places for: they were given up, or nobody has asked
  /// for them yet. What they hold must not be given to others.
  [[nodiscard]] std::size_t unsettled() const noexcept { return unsettled_; }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Attempts that somebody here still needs to know of.
  [[nodiscard]] std::size_t needed() const;
  [[nodiscard]] bool is_here() const noexcept { return !here_.empty(); }

private:
  struct entry {
    attempt_spec_ptr spec; ///< Null: adopted, or a stray.
    epoch lease;
    std::string sent_to;                ///< Whose memory may have it; empty for nobody's.
    std::optional<node_report> newest;  ///< Of a stray: what the node said of it.
    bool stray = false;                 ///< The node has it, and nobody here has asked for it yet.
    bool starts = false;                ///< It was told to start, or starts by itself.
    bool acknowledged = false;          ///< The node has spoken of it.
    bool ready = false;                 ///< The node has it prepared.
    bool said_prepared = false;         ///< To the listener.
    bool said_started = false;          ///< Likewise.
    bool over = false;                  ///< The listener has heard of its end, or is not to hear of it.
    bool gone = false;                  ///< Nothing of it runs there.
    bool doubtful = false;              ///< It may run there, and is not booked: it was given up, or is a stray.
    bool forget = false;                ///< To be removed as soon as it is gone.
    bool unasked = false;               ///< `adopt` has said that it is lost: nobody asks for its removal.
    std::optional<std::uint32_t> grace; ///< It was told to stop.
  };

  void send(attempt_id id, const entry& e, node_verb verb, effects& out) const;
  void send_prepare(attempt_id id, entry& e, effects& out) const;
  void say(attempt_id id, entry& e, const attempt_report& x, effects& out) const;
  [[nodiscard]] effects give_up_those(const std::string& why, const std::function<bool(const entry&)>& which);
  void say_displaced(attempt_id id, entry& e, const std::string& why, effects& out);
  void say_lost(attempt_id id, entry& e, const std::string& why, effects& out);
  void say_never(attempt_id id, ec code, const std::string& why, effects& out);
  void fence(entry& e);
  void doubt(entry& e);
  void trust(entry& e);
  void note_gone(entry& e);
  [[nodiscard]] static bool may_start(const node_report& x) noexcept;
  [[nodiscard]] adoption claim(attempt_id id, entry& e, epoch lease, effects& out);
  void take(const node_report& x, effects& out);
  void meet_held(const node_report& held, const std::function<bool(attempt_id)>& is_over, effects& out);
  void meet_absent(attempt_id id, effects& out);
  void discard(attempt_id id, effects& out);
  void disown(attempt_id id, entry& e, effects& out);

  std::string here_; ///< The memory of the node that is connected; empty for none.
  epoch since_;      ///< Leases before were given to another memory.
  std::unordered_map<attempt_id, entry> entries_;
  std::size_t unsettled_ = 0;
};

} // namespace muster
