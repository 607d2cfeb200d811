#pragma once

#include "support/head_program.hpp"
#include "support/node_program.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

/// A head whose pool `farm` has agents, and what its nodes are given to do.
namespace muster::test {

/// The condition of a node; empty while it is not known.
[[nodiscard]] std::string condition_of(const muster_program& muster, const std::string& node);
[[nodiscard]] bool becomes(const muster_program& muster, const std::string& node, const std::string& condition);
/// What addresses of this machine begin with that this process alone gives to its nodes: tasks of another test may
/// listen on the same ports at the same time.
[[nodiscard]] std::string own_addresses();
/// How node `number` is told its address, one of those.
[[nodiscard]] std::vector<std::string> at(int number);
/// Of a workflow.
[[nodiscard]] std::string status_of(const muster_program& muster, const std::string& id);

/// What a task `t<number>` runs that writes a line when it starts, and waits for `let_go`.
[[nodiscard]] std::string waiting_script(const muster_program& muster, int number);
[[nodiscard]] std::string waiting_spec(const muster_program& muster, int tasks);
/// The same as one gang, each member as large as this machine. They see no /tmp but their own, so they write and look
/// in the folder of their workflow.
[[nodiscard]] std::string waiting_gang(const muster_program& muster, int members);
/// What its members run, as one argument of theirs.
[[nodiscard]] std::string gang_script(const muster_program& muster, int number);
/// How often member `number` has begun.
[[nodiscard]] std::size_t member_begins(const muster_program& muster, const std::string& id, int number);
/// How often each of them has begun, at least.
[[nodiscard]] std::size_t gang_begins(const muster_program& muster, const std::string& id, int members);
/// How many of its members run now, wherever.
[[nodiscard]] std::size_t gang_running(const muster_program& muster, int members);
void let_gang_go(const muster_program& muster, const std::string& id);
/// Whether all of them have begun, soon.
[[nodiscard]] bool has_begun(const muster_program& muster, int tasks);
void let_go(const muster_program& muster);
/// The node of a task's newest attempt.
[[nodiscard]] std::string node_of(const muster_program& muster, const std::string& id, const std::string& task);
/// How often a task has begun.
[[nodiscard]] std::size_t begins_of(const muster_program& muster, int number);

/// Members, each as large as this machine: a server, and clients that say a word to it and hear one.
[[nodiscard]] std::string meeting_spec(int clients = 1);

/// Makes certificates by one authority: of the head, and of nodes. In folders `certs-<name>` beside the state.
void make_certificates(const muster_program& muster, const std::vector<std::string>& nodes);
[[nodiscard]] std::string certificates_of(const muster_program& muster, const std::string& name);

/// A pool in which nobody is lost, however slow this machine is.
inline const std::string patient = "lost_after: 1h, silence_limit: 10s";

/// A head with the pool `farm`, and what submits to it.
class farm {
public:
  explicit farm(std::vector<std::string> options = {"--no-auth"}) : options_(std::move(options)) {}

  /// Starts the head; agents are heard where `listen` says. Check `head->ready()`.
  void start(const std::string& listen = "127.0.0.1:0", const std::string& pool = patient,
             const std::string& certs = {});
  /// Starts it again, where agents look for it.
  void start_again();
  /// The id of the workflow, or what was said instead.
  [[nodiscard]] std::string submit(const std::string& spec) const;
  /// It completes, once it is let go, and each of its tasks was started once: empty, or what is wrong.
  [[nodiscard]] std::string end_of(const std::string& id, int tasks) const;

  muster_program muster;
  std::unique_ptr<head_program> head;

private:
  std::vector<std::string> options_;
  std::string pool_;
  std::string certs_;
};

/// Whether the head says, soon, that it does not reach this node: `suspect` may have passed into `lost` before anybody
/// looks.
[[nodiscard]] bool goes_away(const farm& x, const std::string& node);

} // namespace muster::test
