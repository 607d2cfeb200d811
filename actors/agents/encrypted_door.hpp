#pragma once

#include "actors/link_certificates.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman_actor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

namespace muster::agent {

/// How long connections are kept that nothing comes of.
struct door_limits {
  std::chrono::milliseconds handshake{10'000}; ///< One that takes longer is cut off when the next peer connects.
  /// Handshakes at once, and never more than a quarter of all descriptors; the oldest make way.
  std::size_t handshakes = 4096;
  /// A peer is gone whose machine answers nothing to the kernel, or takes nothing any more, for so long; in whole
  /// seconds, at least two.
  std::chrono::milliseconds silence{20'000};
  /// Likewise one that itself says nothing for so long after something was said to it, although its machine takes it;
  /// also one that nothing was ever heard of, by who began to connect. Longer than a thousand take that come at once.
  std::chrono::milliseconds standstill{60'000};
};

/// Told on threads of the network why a connection did not come about: the peer does not encrypt, shows no
/// certificate of the same authority, or did not take the one that it was shown.
using handshake_listener = std::function<void(const std::string& peer, const std::string& why)>;

/// Makes encrypted connections between head and agents: publishes and connects like the actor of CAF's middleman. CAF's
/// own module for TLS tries to write all the time while a handshake lasts: a peer that is silent takes a core, and
/// keeps the other end from ending. Here nothing is tried before the peer has said something, and one that does not
/// come to the end of its handshake is given up. It needs no heartbeats of CAF's: see
/// the last of `door_limits`. Ignores all exits but `kill`. Without `on_problem`, the log has one problem of ten
/// seconds.
[[nodiscard]] caf::io::middleman_actor make_encrypted_door(caf::actor_system& system, link_certificates certificates,
                                                           door_limits limits = {}, handshake_listener on_problem = {});

} // namespace muster::agent
