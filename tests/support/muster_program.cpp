#include "support/muster_program.hpp"
#include "support/checkout.hpp"

#include <fstream>

namespace muster::test {

command muster_program::with(const std::vector<std::string>& arguments) const {
  command what;
  what.argv.push_back(in_build("muster"));
  what.argv.insert(what.argv.end(), arguments.begin(), arguments.end());
  what.env["MUSTER_STATE_DIR"] = state().string();
  what.env["MUSTER_GPU_LOCKS"] = folder_.path().string(); // The GPUs of other tests have the same names.
  // Whatever this machine has: tests that want a daemon name it.
  what.env["DOCKER_HOST"] = "unix://" + (folder_.path() / "no-docker.sock").string();
  for (const auto* name : {"MUSTER_CONFIG", "MUSTER_ADDRESS", "MUSTER_TOKEN_FILE"})
    what.env[name] = std::nullopt;
  what.env["XDG_CONFIG_HOME"] = (folder_.path() / "config").string();
  what.env["TERM"] = "xterm";
  what.env["NO_COLOR"] = std::nullopt;
  return what;
}

outcome muster_program::operator()(const std::vector<std::string>& arguments, const std::string& input) const {
  auto what = with(arguments);
  what.input = input;
  return run(what);
}

std::string muster_program::file(const std::string& name, const std::string& contents) const {
  const auto path = folder_.path() / name;
  std::ofstream(path, std::ios::binary) << contents;
  return path.string();
}

std::string one_task(const std::string& script, const std::string& name) {
  std::string indented;
  for (const char c : script)
    indented += c == '\n' ? std::string("\n      ") : std::string(1, c);
  return "workflow:\n  name: " + name +
         "\n  tasks:\n  - name: only\n    image: debian:12\n    command: [bash, -c]\n    args:\n    - |\n      " +
         indented + "\n";
}

} // namespace muster::test
