#include "executors/process/holder.hpp"

#include "executors/process/posix.hpp"
#include "executors/process/spawn.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

#if defined(MUSTER_HOLDER)
asm(".pushsection .rodata\n"
    ".hidden muster_holder_begin\n"
    ".hidden muster_holder_end\n"
    ".globl muster_holder_begin\n"
    ".globl muster_holder_end\n"
    "muster_holder_begin:\n"
    ".incbin \"" MUSTER_HOLDER "\"\n"
    "muster_holder_end:\n"
    ".popsection\n");
extern "C" const char muster_holder_begin[];
extern "C" const char muster_holder_end[];
#endif

namespace muster::process {

namespace {

constexpr unsigned memfd_executable = 0x10; // MFD_EXEC, since Linux 6.3; some hosts insist on it.

std::string_view holder_bytes() {
#if defined(MUSTER_HOLDER)
  return {muster_holder_begin, static_cast<std::size_t>(muster_holder_end - muster_holder_begin)};
#else
  return {};
#endif
}

unique_fd memory_file() {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  unique_fd out{::memfd_create("muster-holder", flags | memfd_executable)};
  if (!out && errno == EINVAL)
    out.reset(::memfd_create("muster-holder", flags));
  return out;
}

std::string_view word_at(const wire::string_list& list, std::uint32_t position) {
  std::size_t at = 0;
  for (; position > 0 && at < list.bytes.size(); --position)
    at = list.bytes.find('\0', at) + 1;
  return at < list.bytes.size() ? std::string_view{list.bytes.c_str() + at} : std::string_view{};
}

} // namespace

unique_fd open_holder() {
  const auto bytes = holder_bytes();
  const auto file = bytes.empty() ? unique_fd{} : memory_file();
  // Sealed: who runs as the same user could change it by way of /proc.
  constexpr int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (!file || !write_all(file.get(), bytes) || ::fcntl(file.get(), F_ADD_SEALS, seals) != 0)
    return {};
  return unique_fd{::fcntl(file.get(), F_DUPFD_CLOEXEC, lowest_hold_file)};
}

std::string own_program(const wire::start_request& start) {
  return start.sandboxed ? std::string{word_at(start.arguments, start.command_at)} : start.program;
}

wire::start_request held_request(const wire::start_request& start) {
  auto out = start;
  out.arguments = {};
  const auto from = start.sandboxed ? start.command_at : 0;
  for (std::uint32_t i = 0; i < start.arguments.count; ++i) {
    if (i == from) {
      out.arguments.add(holder_path);
      out.arguments.add(own_program(start));
    }
    out.arguments.add(word_at(start.arguments, i));
  }
  if (!start.sandboxed)
    out.program = holder_path;
  return out;
}

} // namespace muster::process
