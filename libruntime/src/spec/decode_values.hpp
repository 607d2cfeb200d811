#pragma once

#include "spec/reporter.hpp"
#include "spec/yaml_scalar.hpp"
#include "spec/yaml_tree.hpp"

#include "muster/base/time.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Reading YAML nodes as the types of the model. What counts as what follows the pydantic models of OSMO: their lax
/// mode turns some values into others (`"1"` into an integer, `yes` into a boolean), and refuses the rest.
namespace muster::spec {

/// A node as the value of something, and where it stands.
struct value_at {
  yaml::node_id id = yaml::no_node;
  yaml::mark place;
};

/// One key of a mapping, after merge keys are resolved and of equal keys the last has won.
struct map_entry {
  yaml::scalar key;
  yaml::mark key_place;
  value_at value;
};

/// The whole numbers that a place takes.
struct whole_range {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

/// Whether a number is taken for a string.
enum class numbers : std::uint8_t { refuse, as_text };

/// Reads values of one document and reports what does not fit. Every `bool` result says whether the value was good.
class value_reader {
public:
  /// Numbers of OSMO have no bounds: under its rules what is too much for Muster becomes the nearest bound.
  value_reader(const yaml::tree& document, reporter& report, profile rules = profile::muster)
      : document_(document), report_(report), rules_(rules) {}

  [[nodiscard]] const yaml::tree& document() const noexcept { return document_; }
  [[nodiscard]] reporter& report() const noexcept { return report_; }
  [[nodiscard]] profile rules() const noexcept { return rules_; }

  [[nodiscard]] bool is_scalar(value_at x) const { return at(x).kind == yaml::kind::scalar; }
  [[nodiscard]] bool is_list(value_at x) const { return at(x).kind == yaml::kind::sequence; }
  [[nodiscard]] bool is_map(value_at x) const { return at(x).kind == yaml::kind::mapping; }
  /// The scalar at `x`. Only when `is_scalar(x)`.
  [[nodiscard]] yaml::scalar scalar(value_at x) const;
  /// Python's `bool()`: false for nothing, false, zero and what is empty.
  [[nodiscard]] bool truthy(value_at x) const;
  /// What stands at `x`, for a message: "the integer 5", "a list".
  [[nodiscard]] std::string describe(value_at x) const;

  [[nodiscard]] bool text(value_at x, const field_path& path, std::string& out, numbers coerce) const;
  [[nodiscard]] bool boolean(value_at x, const field_path& path, bool& out) const;
  [[nodiscard]] bool integer(value_at x, const field_path& path, std::int64_t& out, whole_range range = {}) const;
  /// The entries of a mapping, keys not yet looked at.
  [[nodiscard]] bool map(value_at x, const field_path& path, std::vector<map_entry>& out) const;
  [[nodiscard]] bool list(value_at x, const field_path& path, std::vector<value_at>& out) const;
  [[nodiscard]] bool text_list(value_at x, const field_path& path, std::vector<std::string>& out, numbers coerce) const;
  /// What cannot be at all: an unknown tag, a broken number. Looks into collections.
  void check_all(value_at x, const field_path& path) const;

  /// Reports that something else was expected at `x`. Returns false.
  bool refuse(value_at x, const field_path& path, std::string_view expected, std::string hint = {}) const;

private:
  [[nodiscard]] const yaml::node& at(value_at x) const { return document_.at(x.id); }
  [[nodiscard]] bool collect(value_at x, const field_path& path, std::vector<map_entry>& out) const;
  [[nodiscard]] bool merge(value_at x, const field_path& path, std::vector<map_entry>& out) const;

  const yaml::tree& document_;
  reporter& report_;
  profile rules_;
};

} // namespace muster::spec
