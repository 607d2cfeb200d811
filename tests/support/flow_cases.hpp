#pragma once

#include "muster/state/status.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace muster::test {

/// A workflow as another system would run it, and what becomes of it: the cases are those of runnable's acceptance
/// inputs (its `next` chains, `parallel`, `map`, `conditional`, `loop` and `on_failure` nodes) in Muster's YAML.
struct flow_case {
  std::string name; ///< Of the workflow as well.
  std::string spec;
  muster::status ends = status::completed;
  std::map<std::string, muster::status> tasks; ///< All of them, and no others.
  std::map<std::string, std::string> results;  ///< JSON, of tasks that matter.
};

/// All cases; tasks run in `image`.
[[nodiscard]] std::vector<flow_case> runnable_cases(const std::string& image);

/// The figures of slurm-sdk's examples, by the tasks of Muster's that give them (numbers are compared as such).
[[nodiscard]] std::vector<flow_case> slurm_sdk_cases(const std::string& image);

/// Holds what is in a state directory to a case; the workflow's id is `<name>-1`.
void check_flow_case(const flow_case& expected, const std::filesystem::path& state);

} // namespace muster::test
