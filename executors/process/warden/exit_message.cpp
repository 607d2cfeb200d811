#include "executors/process/warden/exit_message.hpp"

#include "muster/spec/quantity.hpp"

#include <cerrno>
#include <system_error>

namespace muster::process {

namespace {

std::string out_of_memory(bool ended_well, std::int64_t memory) {
  const auto more = "more than its " + (memory > 0 ? spec::bytes_text(memory) + " of " : std::string{}) + "memory";
  if (ended_well)
    return "a process of it was killed because it used " + more;
  return "killed: it used " + more + "; ask for more in resources.memory";
}

} // namespace

std::string message_of(const wire::exited_message& end, const std::string& program, std::int64_t memory) {
  const auto reason = std::generic_category().message(end.detail);
  switch (end.what) {
    case wire::note::exec_failed: return "the command '" + program + "' cannot be run: " + reason;
    case wire::note::chdir_failed: return "the work folder of the attempt cannot be entered: " + reason;
    case wire::note::refused: return "the command cannot be found or run; the log says more";
    case wire::note::leftovers_killed: return std::to_string(end.detail) + " processes that it left behind were ended";
    case wire::note::out_of_memory: return out_of_memory(end.code == 0, memory);
    case wire::note::none: break;
  }
  return {};
}

std::int32_t exec_failure_code(int number) {
  return number == ENOENT || number == ENOTDIR ? 127 : 126;
}

std::string exec_complaint(const std::string& program, int number) {
  return "muster: cannot run '" + program + "': " + std::generic_category().message(number) + '\n';
}

} // namespace muster::process
