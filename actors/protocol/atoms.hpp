#pragma once

#include <caf/atom.hpp>

namespace muster {

// Verbs of the protocol, alphabetical. A name has at most ten characters.
using cancel_atom = caf::atom_constant<caf::atom("cancel")>;
using check_atom = caf::atom_constant<caf::atom("check")>;
using commit_atom = caf::atom_constant<caf::atom("commit")>;
using delayed_atom = caf::atom_constant<caf::atom("delayed")>;
using finished_atom = caf::atom_constant<caf::atom("finished")>;
using flush_atom = caf::atom_constant<caf::atom("flush")>;
using grow_atom = caf::atom_constant<caf::atom("grow")>;
using internal_atom = caf::atom_constant<caf::atom("internal")>;
using join_atom = caf::atom_constant<caf::atom("join")>;
using measure_atom = caf::atom_constant<caf::atom("measure")>;
using place_atom = caf::atom_constant<caf::atom("place")>;
using placed_atom = caf::atom_constant<caf::atom("placed")>;
using prepare_atom = caf::atom_constant<caf::atom("prepare")>;
using publish_atom = caf::atom_constant<caf::atom("publish")>;
using record_atom = caf::atom_constant<caf::atom("record")>;
using refused_atom = caf::atom_constant<caf::atom("refused")>;
using release_atom = caf::atom_constant<caf::atom("release")>;
using remove_atom = caf::atom_constant<caf::atom("remove")>;
using report_atom = caf::atom_constant<caf::atom("report")>;
using resume_atom = caf::atom_constant<caf::atom("resume")>;
using running_atom = caf::atom_constant<caf::atom("running")>;
using set_atom = caf::atom_constant<caf::atom("set")>;
using settle_atom = caf::atom_constant<caf::atom("settle")>;
using start_atom = caf::atom_constant<caf::atom("start")>;
using stop_atom = caf::atom_constant<caf::atom("stop")>;
using submit_atom = caf::atom_constant<caf::atom("submit")>;
using subscr_atom = caf::atom_constant<caf::atom("subscribe")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using timer_atom = caf::atom_constant<caf::atom("timer")>;
using watch_atom = caf::atom_constant<caf::atom("watch")>;

} // namespace muster
