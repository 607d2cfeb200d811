#pragma once

#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace muster::test {

/// The kernel's files of a machine that there is not: `root` of muster::machine.
class made_up_machine {
public:
  /// Makes the file `path`, or replaces it.
  made_up_machine& with(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root() / path).parent_path());
    std::ofstream{root() / path} << text << '\n';
    return *this;
  }

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return folder_.path(); }

private:
  temporary_folder folder_;
};

/// Two sockets, with a GPU each.
inline void make_two_sockets(made_up_machine& x) {
  x.with("sys/devices/system/node/node0/cpulist", "0-7,16-23")
      .with("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       65536 kB\nNode 0 MemFree:  1 kB")
      .with("sys/devices/system/node/node1/cpulist", "8-15,24-31")
      .with("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       32768 kB")
      .with("sys/devices/system/node/possible", "0-1")
      .with("sys/bus/pci/devices/0000:01:00.0/numa_node", "0")
      .with("sys/bus/pci/devices/0000:02:00.0/numa_node", "1")
      .with("sys/bus/pci/devices/0000:03:00.0/numa_node", "-1")
      .with("proc/sys/kernel/osrelease", "6.1.0-18-amd64")
      .with("proc/sys/kernel/hostname", "gpu-07")
      .with("proc/sys/kernel/random/boot_id", "first-boot")
      .with("proc/cpuinfo", "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Platinum 8480+\nmodel\t: 143")
      .with("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian");
}

} // namespace muster::test
