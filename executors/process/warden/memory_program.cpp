#include "executors/process/warden/memory_program.hpp"

#include "muster/base/posix.hpp"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>

namespace muster::process {

namespace {

constexpr unsigned memfd_executable = 0x10; // MFD_EXEC, since Linux 6.3; some hosts insist on it.

unique_fd memory_file(const char* name) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  unique_fd out{::memfd_create(name, flags | memfd_executable)};
  if (!out && errno == EINVAL)
    out.reset(::memfd_create(name, flags));
  return out;
}

} // namespace

unique_fd program_in_memory(const char* name, std::string_view bytes) {
  auto file = memory_file(name);
  // Sealed: who runs as the same user could change it by way of /proc.
  constexpr int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (!file || !write_all(file.get(), bytes) || ::fcntl(file.get(), F_ADD_SEALS, seals) != 0)
    return {};
  return file;
}

} // namespace muster::process
