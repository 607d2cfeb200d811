#include "cli/remote/store_writer.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

namespace muster::cli {

bool has_writer(const store::state_directory& directory) {
  struct stat lock {};
  if (::stat(directory.lock().c_str(), &lock) != 0)
    return errno != ENOENT;
  // `1: FLOCK  ADVISORY  WRITE 1234 fe:01:5678 0 EOF` (proc(5)).
  std::array<char, 64> wanted{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  std::snprintf(wanted.data(), wanted.size(), " %02x:%02x:%ju ", major(lock.st_dev), minor(lock.st_dev),
                static_cast<std::uintmax_t>(lock.st_ino));
  std::ifstream locks("/proc/locks");
  if (!locks)
    return true;
  for (std::string line; std::getline(locks, line);)
    if (line.find(" FLOCK ") != std::string::npos && line.find(wanted.data()) != std::string::npos)
      return true;
  return false;
}

} // namespace muster::cli
