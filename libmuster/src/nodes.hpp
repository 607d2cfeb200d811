#pragma once

#include "muster/api/workflow.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What the handles of a workflow point to.
namespace muster::api {

enum class step_kind : std::uint8_t { task, group, member, nested, branches, choice };

/// What a task asks of its node; 0 and empty for what is not said.
struct needed_resources {
  std::uint32_t cpu = 0;
  std::uint32_t gpu = 0;
  std::string memory;
  std::string storage;
};

/// A step, or a member of a group.
struct step_node {
  std::string name;
  step_kind kind = step_kind::task;
  std::weak_ptr<scope_node> around;
  dict keys; ///< Keys of the spec, as they were set: each once.
  // -- of a task or a member
  std::string image;
  std::vector<text> words;
  std::vector<std::pair<std::string, text>> environment;
  list files;
  list inputs;
  list outputs;
  needed_resources needs;
  std::vector<std::pair<std::string, exit_action>> exit_actions;
  // -- of the others
  std::vector<std::shared_ptr<step_node>> members;
  std::vector<std::shared_ptr<scope_node>> scopes; ///< Of `nested` one.
  std::string switch_value;
  std::shared_ptr<scope_node> otherwise;
  // -- routes
  list after;
  std::shared_ptr<step_node> failure_task;
  std::shared_ptr<scope_node> failure_scope;
  bool is_map = false;
  std::vector<std::string> problems; ///< Of what was said of it.

  /// Sets a key, over an earlier value.
  void put(const std::string& key, value x);
};

/// What only a whole workflow has.
struct workflow_header {
  std::string name;
  std::string image;
  dict labels;
  std::chrono::milliseconds run_limit{};
  std::chrono::milliseconds queue_limit{};
};

struct scope_node {
  std::string label; ///< Of a branch or a case.
  std::weak_ptr<step_node> owner;
  dict parameters;
  std::vector<std::shared_ptr<step_node>> steps;
  std::string result;
  std::optional<workflow_header> header;
};

/// `outer.train`
[[nodiscard]] std::string path_of(const step_node& x);

} // namespace muster::api
