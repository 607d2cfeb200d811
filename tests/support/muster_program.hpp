#pragma once

#include "support/subprocess.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace muster::test {

/// The `muster` binary with a state directory of its own in a folder of this test.
class muster_program {
public:
  [[nodiscard]] outcome operator()(const std::vector<std::string>& arguments, const std::string& input = {}) const;
  /// The command line, for a test that runs it beside itself.
  [[nodiscard]] command with(const std::vector<std::string>& arguments) const;
  /// Writes a file into a folder of this test; returns its path.
  std::string file(const std::string& name, const std::string& contents) const;
  [[nodiscard]] std::filesystem::path state() const { return folder_.path() / "state"; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

private:
  temporary_folder folder_;
};

/// A spec of one task, `only`, that runs `script` by bash.
[[nodiscard]] std::string one_task(const std::string& script, const std::string& name = "single");

} // namespace muster::test
