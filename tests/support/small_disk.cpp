#include "support/small_disk.hpp"

#include <fstream>
#include <string>
#include <sys/mount.h>

namespace muster::test {

small_disk::small_disk(const std::filesystem::path& at) : at_(at) {
  std::filesystem::create_directories(at_);
  mounted_ = ::mount("tmpfs", at_.c_str(), "tmpfs", 0, "size=3m") == 0;
}

small_disk::~small_disk() {
  if (mounted_)
    ::umount2(at_.c_str(), MNT_DETACH);
}

std::filesystem::path small_disk::fill() const {
  auto filler = at_ / "filler";
  std::ofstream file(filler, std::ios::binary);
  const std::string part(4096, 'x');
  while (file.write(part.data(), static_cast<std::streamsize>(part.size())).flush())
    continue;
  return filler;
}

} // namespace muster::test
