#pragma once

#include "actors/link_certificates.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman_actor.hpp>

namespace muster::agent {

/// Makes encrypted connections between head and agents: publishes and connects like the actor of CAF's middleman. CAF's
/// own module for TLS tries to write all the time while a handshake lasts: a peer that is silent takes a core, and
/// keeps the other end from ending. Here nothing is tried before the peer has said something, and one that does not
/// come to the end of its handshake is cut off when the next one connects. Ignores all exits but `kill`.
[[nodiscard]] caf::io::middleman_actor make_encrypted_door(caf::actor_system& system, link_certificates certificates);

} // namespace muster::agent
