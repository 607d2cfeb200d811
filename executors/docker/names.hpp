#pragma once

#include "executors/docker/engine/types.hpp"
#include "executors/driver.hpp"

#include <optional>
#include <string>

/// What Muster's containers and networks are called, and how they are known again. Pure functions.
namespace muster::docker {

/// On everything that a head makes: its id. Only what carries it is ever changed or removed.
constexpr const char* head_label = "muster.head";
/// On containers: the attempt's id, as `to_string` writes it.
constexpr const char* attempt_label = "muster.attempt";
/// On containers: a number made of how they are set up; equal numbers mean equal containers.
constexpr const char* setup_label = "muster.setup";
/// On containers that are in the host's network: the network of their gang, whose gateway is their address.
constexpr const char* network_label = "muster.network";
/// The network that the daemon puts containers into by itself. Names mean nothing there.
constexpr const char* default_bridge = "bridge";
/// On networks: whose it is.
constexpr const char* group_key_label = "muster.group.key";

/// `muster-<head>-<workflow>-<task>-<attempt>`, in numbers.
[[nodiscard]] std::string container_name(const std::string& head, attempt_id id);

/// The attempt that labels name; nothing unless it is one of this head.
[[nodiscard]] std::optional<attempt_id> attempt_of(const label_map& labels, const std::string& head);

/// A network that attempts want to be in.
struct wanted_network {
  std::string name;
  std::string group_key;           ///< Of its group; `shared` for that of tasks without a gang.
  std::optional<ipv4_block> block; ///< Its addresses; nothing: as the daemon chooses.
  bool shared = false;
};

/// The network of an attempt: of its gang, else the shared one of `space`. An address of the loopback
/// network, or none, gives one whose addresses the daemon chooses.
[[nodiscard]] wanted_network network_of(const attempt_spec& spec, const std::string& head,
                                        const std::optional<address_space>& space);

/// Whether an attempt is in the host's network: it asks for that, or it is a member of a gang over several nodes, of
/// which this is one at `node_address`.
[[nodiscard]] bool is_in_host_network(const attempt_spec& spec, const std::optional<std::string>& node_address);

/// Fails with `unavailable` where an attempt was given an address that nobody would find it at on this node: neither
/// that of the node nor one of `space`. As after an agent was set up anew.
[[nodiscard]] result<void> check_address(const attempt_spec& spec, const std::optional<std::string>& node_address,
                                         const std::optional<address_space>& space);

/// The labels of an attempt's container.
[[nodiscard]] label_map labels_of(const attempt_spec& spec, const std::string& head);

} // namespace muster::docker
