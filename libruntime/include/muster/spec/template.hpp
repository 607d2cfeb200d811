#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/template_value.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::spec {

/// How much one rendering may take. Whatever is exceeded ends it with `ec::limit_exceeded`.
struct template_limits {
  std::uint64_t steps = 5'000'000;          ///< Evaluated nodes, loop rounds, and items that a filter visits.
  std::size_t depth = 800;                  ///< Nested evaluations, macro calls and loops.
  std::size_t output_bytes = 32 << 20;      ///< Of the rendered text.
  std::size_t memory_bytes = 128 << 20;     ///< Of all values made, freed or not.
  std::chrono::milliseconds wall_time{500}; ///< From the start of `render_template`.
};

/// Why a template did not render.
struct template_problem {
  ec code = ec::template_error; ///< `template_error` or `limit_exceeded`.
  std::size_t line = 1;         ///< In the template's text, from 1.
  std::size_t column = 1;       ///< In code points, from 1.
  std::string message;          ///< A phrase such as `'x' is undefined`.
};

/// The rendered text, or the problem.
struct [[nodiscard]] template_outcome {
  bool ok = false;
  std::string text;         ///< Only when `ok`.
  template_problem problem; ///< Only when not `ok`.
};

/// Renders `text` as Jinja2's `SandboxedEnvironment(undefined=StrictUndefined)` does with its other options at their
/// defaults, which is how OSMO sets it up (src/lib/utils/jinja_sandbox.py). `variables` is a dict with string keys.
///
/// Not there, each a clear error: `include`, `import`, `from`, `extends`, `block`, `autoescape`, the filters `random`,
/// `urlize` and `wordwrap`, and `lipsum`. Never throws, keeps nothing between calls, and touches nothing outside its
/// arguments.
template_outcome render_template(std::string_view text, const template_value& variables,
                                 const template_limits& limits = {});

} // namespace muster::spec
