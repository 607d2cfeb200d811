#include "executors/process/warden/socket_address.hpp"

#include "muster/base/posix.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>

namespace muster::process {

result<socket_address> address_in(const std::string& folder) {
  socket_address out;
  out.folder.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.folder)
    return os_error("cannot open " + folder, errno);
  const auto path = "/proc/self/fd/" + std::to_string(out.folder.get()) + "/socket";
  out.address.sun_family = AF_UNIX;
  std::memcpy(out.address.sun_path, path.c_str(), path.size() + 1);
  return out;
}

} // namespace muster::process
