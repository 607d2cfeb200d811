#pragma once

#include "muster/spec/load.hpp"
#include "spec/reporter.hpp"

#include <string>
#include <string_view>

namespace muster::spec {

/// What is left to read as YAML.
struct rendered_spec {
  std::string text;
  bool ok = false;
};

/// Renders a templated spec as OSMO does: cuts it into sections, takes variables from `default-values` and from the
/// options, leaves tokens such as `{{output}}` alone, and renders the section `workflow`. Its lines keep their numbers
/// as far as loops let them.
[[nodiscard]] rendered_spec render_spec(std::string_view text, const load_options& options, reporter& report);

/// Renders the text of a local file with the variables of the options alone, as OSMO's service does with what its
/// client sends. Returns what went wrong, or an empty text.
[[nodiscard]] std::string render_contents(std::string& text, const load_options& options);

} // namespace muster::spec
