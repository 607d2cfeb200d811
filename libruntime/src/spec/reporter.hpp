#pragma once

#include "muster/spec/load.hpp"
#include "spec/yaml_tree.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::spec {

/// Where a value stands in the spec: a chain of keys and positions that lives on the stack and becomes text only for a
/// message.
struct field_path {
  const field_path* parent = nullptr;
  std::string_view key;
  std::ptrdiff_t index = -1; ///< At least 0: a position in a list, `key` is unused.

  [[nodiscard]] field_path field(std::string_view name) const { return {this, name, -1}; }
  [[nodiscard]] field_path item(std::size_t i) const { return {this, {}, static_cast<std::ptrdiff_t>(i)}; }
  /// Such as `workflow.tasks[0].command`.
  [[nodiscard]] std::string text() const;
};

/// Collects diagnostics. Beyond a bound it only counts.
class reporter {
public:
  void error(yaml::mark place, const field_path& path, std::string message, std::string hint = {});
  void error(yaml::mark place, std::string field, std::string message, std::string hint = {});
  /// One that has no place in the text.
  void error(std::string message, std::string hint = {});
  void warning(yaml::mark place, const field_path& path, std::string message, std::string hint = {});
  void warning(std::string message, std::string hint = {});

  [[nodiscard]] bool clean() const noexcept { return count_ == 0; }
  /// What was collected, in the order of places.
  [[nodiscard]] std::vector<diagnostic> take_errors();
  [[nodiscard]] std::vector<diagnostic> take_warnings();

private:
  void add(std::vector<diagnostic>& list, diagnostic x);

  std::vector<diagnostic> errors_;
  std::vector<diagnostic> warnings_;
  std::size_t count_ = 0;
};

} // namespace muster::spec
