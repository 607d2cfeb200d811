#include "executors/machine/topology.hpp"

#include "muster/base/posix.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include <sys/utsname.h>

namespace muster::machine {

namespace {

namespace fs = std::filesystem;

std::string text_in(const fs::path& path) {
  auto out = read_small_file(path.c_str());
  while (!out.empty() && (out.back() == '\n' || out.back() == ' '))
    out.pop_back();
  return out;
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t out = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || read.ec != std::errc{} || read.ptr != text.data() + text.size())
    return std::nullopt;
  return out;
}

/// Of `Node 0 MemTotal:  131841588 kB`.
std::int64_t memory_in(const fs::path& meminfo) {
  constexpr std::int64_t kibi = 1024;
  const auto text = text_in(meminfo);
  constexpr std::string_view key = "MemTotal:";
  const auto at = text.find(key);
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + key.size(), nullptr, 10) * kibi;
}

/// What follows `key` and a separator on its line; without quotes.
std::string field_in(const fs::path& file, std::string_view key, char separator) {
  std::istringstream lines{text_in(file)};
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find(separator);
    if (at == std::string::npos || line.compare(0, key.size(), key) != 0 ||
        line.find_first_not_of(" \t", key.size()) != at)
      continue;
    const auto begin = line.find_first_not_of(" \t\"", at + 1);
    const auto end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos || end < begin ? std::string{} : line.substr(begin, end - begin + 1);
  }
  return {};
}

std::string os_of(const fs::path& root) {
  const auto name = field_in(root / "etc/os-release", "ID", '=');
  const auto version = field_in(root / "etc/os-release", "VERSION_ID", '=');
  return name.empty() || version.empty() ? name : name + '-' + version;
}

std::string model_of(const std::vector<gpu_facts>& gpus) {
  const bool alike = !gpus.empty() && std::all_of(gpus.begin(), gpus.end(),
                                                  [&](const auto& x) { return x.model == gpus.front().model; });
  return alike ? gpus.front().model : std::string{};
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

} // namespace

std::vector<numa_facts> numa_nodes(const fs::path& root) {
  std::vector<numa_facts> out;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(root / "sys/devices/system/node", failed)) {
    const auto name = entry.path().filename().string();
    const auto number = name.rfind("node", 0) == 0 ? number_of(std::string_view{name}.substr(4)) : std::nullopt;
    if (!number)
      continue;
    numa_facts x{*number, text_in(entry.path() / "cpulist"), memory_in(entry.path() / "meminfo")};
    if (!x.cpus.empty() || x.memory > 0)
      out.push_back(std::move(x));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return out;
}

std::optional<std::uint32_t> numa_node_of(const fs::path& root, const std::string& pci) {
  return pci.empty() ? std::nullopt : number_of(text_in(root / "sys/bus/pci/devices" / pci / "numa_node")); // -1: none.
}

std::map<std::string, std::string> labels_of(const fs::path& root, const std::vector<gpu_facts>& gpus) {
  utsname kernel{};
  static_cast<void>(::uname(&kernel));
  std::map<std::string, std::string> out;
  const auto add = [&](const char* key, const std::string& value) {
    if (auto text = label_value(value); !text.empty())
      out.emplace(key, std::move(text));
  };
  add("muster/arch", kernel.machine);
  add("muster/kernel", text_in(root / "proc/sys/kernel/osrelease"));
  add("muster/hostname", text_in(root / "proc/sys/kernel/hostname"));
  add("muster/os", os_of(root));
  add("muster/cpu-model", field_in(root / "proc/cpuinfo", "model name", ':'));
  add("muster/gpu-model", model_of(gpus));
  return out;
}

std::string label_value(const std::string& text) {
  constexpr std::size_t longest = 63;
  std::string out;
  for (const char c : text) {
    const bool kept = is_plain(c) || c == '.' || c == '_';
    if (kept)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  out.resize(std::min(out.size(), longest));
  while (!out.empty() && !is_plain(out.back()))
    out.pop_back();
  out.erase(0, static_cast<std::size_t>(std::find_if(out.begin(), out.end(), [](char c) { return is_plain(c); }) -
                                        out.begin()));
  return out;
}

} // namespace muster::machine
