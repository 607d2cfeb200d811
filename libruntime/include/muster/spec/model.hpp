#pragma once

#include "muster/base/time.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// The resolved workflow spec: what is left of a YAML file when templates are rendered, defaults are filled in and
/// every rule of the profile has been checked. Field names and meanings follow OSMO's spec; docs/spec.md has each of
/// them. Tokens such as `{{output}}` or `{{host:task}}` are still in the strings: they are replaced when an attempt is
/// prepared.
namespace muster::spec {

/// Reads the output of a task: of this workflow, or of an earlier, finished one.
struct task_input {
  std::string task;
  std::string workflow; ///< Id of the earlier workflow; empty for this one.
};

/// Reads from storage; a `file://` URL or a scheme that an executor may refuse.
struct url_input {
  std::string url;
};

/// One entry of `inputs`. Its position N gives `{{input:N}}`.
struct input {
  std::variant<task_input, url_input> from;
  std::string regex; ///< Only files whose relative path matches; empty for all.
};

/// One entry of `outputs`: where the output folder is published to.
struct output {
  std::string url;
  std::string regex;
};

/// A file that is put into the task's file system before it starts.
struct file {
  std::string path;
  std::string contents;
  bool base64 = false; ///< `contents` is base64 of the bytes to write.
};

/// One entry of `kpis`.
struct kpi {
  std::string index;
  std::string path;
};

/// One entry of `checkpoint`: a folder that is uploaded every `frequency`.
struct checkpoint {
  std::string path;
  std::string url;
  duration frequency{};
  std::string regex;
};

/// What a credential becomes inside the task: a mounted folder, or environment variables taken from its keys.
using credential = std::variant<std::string, std::map<std::string, std::string>>;

/// What an exit code does to a task.
enum class exit_action : std::uint8_t { complete = 1, fail = 2, reschedule = 3 };

/// An inclusive range of exit codes. A reversed range matches nothing.
struct code_range {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// One key of `exitActions`, in the order of the file: the first whose ranges hold the exit code wins.
struct exit_rule {
  exit_action action = exit_action::fail;
  std::vector<code_range> codes;
  std::string text; ///< As written, such as `1-10,16`.
};

/// A topology wish of a resource.
struct topology {
  std::string key;
  std::string group = "default";
  bool required = true;
};

/// What one task needs of its node. Unset fields take the pool's defaults (1 CPU, no GPU, 1Gi, 1Gi).
struct resource {
  std::optional<std::int64_t> cpu;
  std::optional<std::int64_t> gpu;
  std::optional<std::int64_t> memory;  ///< Bytes.
  std::optional<std::int64_t> storage; ///< Bytes.
  std::string platform;
  std::vector<std::string> nodes_excluded;
  std::vector<topology> topologies;
  /// No key of a spec: what is to run the task, such as `docker`, where the pool's rules say so for its platform.
  /// Filled in when a workflow is submitted; it stays so whatever becomes of the rules. Empty: what the node has as its
  /// first.
  std::string driver{};
};

struct task {
  std::string name;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<input> inputs;
  std::vector<output> outputs;
  std::vector<kpi> kpis;
  bool lead = false;
  std::vector<std::pair<std::string, std::string>> environment; ///< In the order of the file.
  std::vector<file> files;
  bool privileged = false;
  bool host_network = false;
  std::vector<std::string> volume_mounts;
  std::map<std::string, credential> credentials;
  std::string download_type;
  std::string cache_size;
  std::vector<exit_rule> exit_actions;
  std::vector<checkpoint> checkpoints;
  std::string resource = "default"; ///< Key into `workflow::resources`.
};

/// Tasks that are placed and started as one gang.
struct group {
  std::string name;
  bool barrier = true; ///< Already false for a group of one.
  bool ignore_nonlead_status = true;
  std::vector<task> tasks;
};

struct timeouts {
  std::optional<duration> exec;  ///< Per group, from RUNNING.
  std::optional<duration> queue; ///< Per group, while SCHEDULING.
};

struct scope;

struct workflow {
  std::string name;
  std::map<std::string, std::string> labels;
  std::string pool;
  std::vector<group> groups; ///< A plain task is a group of one, named `<task>-group`.
  /// Set if the spec uses what Muster adds (muster/spec/flow.hpp); `groups` is empty then.
  std::shared_ptr<const scope> flow;
  std::map<std::string, resource> resources;
  timeouts timeout;
};

} // namespace muster::spec
