#pragma once

#include "muster/spec/load.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace muster::cli {

/// Which spec, and how to read it: shared by every command that takes one.
struct spec_input {
  std::string file; ///< `-` for stdin.
  spec::profile profile = spec::profile::muster;
  std::vector<std::string> set;
  std::vector<std::string> set_string;
  std::vector<std::string> set_env;
  std::string parameters; ///< Path of the file of `--parameters`; empty for none.
};

/// A loaded spec, with its text as the user wrote it.
struct read_spec {
  std::string text;
  /// Bytes of the files that it names, by their `localpath`.
  std::shared_ptr<std::map<std::string, std::string>> files = std::make_shared<std::map<std::string, std::string>>();
  spec::load_outcome outcome;
};

/// Adds `FILE`, `--profile`, `--set`, `--set-string`, `--set-env`, `--parameters`.
void add_spec_input(CLI::App& command, spec_input& input);

/// What it is called in messages: its path, or `<stdin>`.
[[nodiscard]] std::string name_of(const spec_input& input);

/// Reads and checks the spec. What cannot be read is a diagnostic like any
/// other.
[[nodiscard]] read_spec load(const spec_input& input);

/// Prints warnings and errors on stderr.
void print_diagnostics(const spec::load_outcome& outcome);

} // namespace muster::cli
