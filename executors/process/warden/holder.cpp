#include "executors/process/warden/holder.hpp"

#include "executors/process/warden/memory_program.hpp"
#include "executors/process/warden/spawn.hpp"

#include <fcntl.h>

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

std::string_view holder_bytes() {
#if defined(MUSTER_HOLDER)
  return {muster_holder_begin, static_cast<std::size_t>(muster_holder_end - muster_holder_begin)};
#else
  return {};
#endif
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
  const auto file = bytes.empty() ? unique_fd{} : program_in_memory("muster-holder", bytes);
  return file ? unique_fd{::fcntl(file.get(), F_DUPFD_CLOEXEC, lowest_hold_file)} : unique_fd{};
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
