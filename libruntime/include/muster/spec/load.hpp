#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/model.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// From YAML text to a resolved `workflow`, or to everything that is wrong with it.
namespace muster::spec {

/// Whose rules a spec is held to.
enum class profile : std::uint8_t {
  muster, ///< The default: OSMO's rules without its cap of 20 tasks, and with `file://` URLs.
  osmo,   ///< OSMO's verdicts.
};

/// As it is chosen and recorded: `muster`, `osmo`.
[[nodiscard]] std::string_view to_string(profile x) noexcept;

/// What an OSMO pool knows beyond the spec; a spec that asks for something else is refused. Unset: anything goes.
struct pool_rules {
  std::optional<std::vector<std::string>> topology_keys; ///< Keys that `topology` may name.
  std::vector<std::string> default_mounts; ///< Mounts that the pool gives anyway, so a task may not ask for them.
};

/// The pool that the conformance cases assume; used under `profile::osmo` unless the caller gives rules.
[[nodiscard]] pool_rules reference_pool();

/// How to load.
struct load_options {
  spec::profile profile = spec::profile::muster;
  std::string file_name = "spec";      ///< For messages only.
  std::string base_dir = ".";          ///< `files[].localpath` is relative to it.
  std::vector<std::string> set;        ///< `k=v`: int, else float, else string (`--set`).
  std::vector<std::string> set_string; ///< `k=v`: string (`--set-string`).
  std::vector<std::string> set_env;    ///< `K=V` into the environment of every task (`--set-env`).
  bool read_local_files = true;        ///< False: `localpath` is an error, as for text that came over a network.
  /// Bytes by the `localpath` that names them, for a spec that was sent with its files. Set: the disk is never read.
  std::optional<std::map<std::string, std::string>> local_files;
  /// Gets the bytes of each file that was read, by the `localpath` that names it; null for nobody.
  std::shared_ptr<std::map<std::string, std::string>> files_read;
  std::optional<pool_rules> pool;
  /// Path of a YAML or JSON mapping of values for `parameters`, weaker than `set`; empty for none (`--parameters`).
  std::string parameters_file;
  std::optional<std::string> parameters_text; ///< Its text, if the caller has read it; the path is then for messages.
};

enum class severity : std::uint8_t { error, warning };

/// One thing that is wrong, and where.
struct diagnostic {
  spec::severity severity = spec::severity::error;
  std::string file;
  std::size_t line = 0;    ///< From 1; 0 when the problem has no place in the text.
  std::size_t column = 0;  ///< From 1, in code points.
  bool rendered = false;   ///< The place is in the text that the template rendered to, not in the file.
  std::string field;       ///< Such as `workflow.tasks[0].command`; empty for the whole.
  std::string message;     ///< What was found and what was expected.
  std::string hint;        ///< What to try, such as the nearest known key; may be empty.
  std::string source_line; ///< The line of text that `line` counts.
};

/// `file:line:column: error: field: message`, the source line with a caret below it, and the hint. Ends with a newline.
[[nodiscard]] std::string render(const diagnostic& x);

/// A loaded spec, or why there is none.
struct [[nodiscard]] load_outcome {
  std::optional<spec::workflow> workflow; ///< Set when there was no error.
  std::string rendered; ///< The text after templates, as far as it came; equal to the input without templates.
  std::string source;   ///< The text as `load_file` read it.
  bool templated = false;
  std::vector<diagnostic> errors; ///< All of the file's, in the order of their places; at most 100.
  std::vector<diagnostic> warnings;

  [[nodiscard]] bool ok() const noexcept { return workflow.has_value(); }
};

/// Loads a spec from `text`. Never throws; bounded in time and memory whatever the text is.
load_outcome load(std::string_view text, const load_options& options = {});

/// Reads `path` and loads it; `file_name` and `base_dir` of `options` are taken from `path`. Refuses what is no regular
/// file of at most 64 MiB of UTF-8.
load_outcome load_file(const std::string& path, load_options options = {});

/// What a workflow asks of storage that this build cannot reach: every URL that is not `file://`. Submission refuses
/// these.
[[nodiscard]] std::vector<diagnostic> unsupported_urls(const workflow& x);

/// The groups in the shape of `resolved` in the conformance cases, as a JSON array. A flow is an object instead:
/// `parameters`, `steps` and `result`, each step with its name, its body (`group`, `workflow`, `branches` or `switch`)
/// and what else is not at its default; its tasks keep their tokens. Pretty-printed when `indent` >= 0.
[[nodiscard]] std::string to_resolved_json(const workflow& x, int indent = -1);

} // namespace muster::spec
