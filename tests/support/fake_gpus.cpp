#include "support/fake_gpus.hpp"
#include "support/checkout.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace muster::test {

namespace {

std::string pci(const char* kind, std::size_t number) {
  std::array<char, 32> out{};
  std::snprintf(out.data(), out.size(), "%s:%02zx:00.0", kind, number + 1);
  return out.data();
}

} // namespace

std::filesystem::path fake_nvml_library(const std::string& version) {
  return std::filesystem::path(in_build("tests/fake_nvml")) / version / "libnvidia-ml.so.1";
}

std::string fake_gpus(std::size_t count, std::size_t island) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i)
    out += "gpu GPU-" + std::to_string(i) + ' ' + pci("0000", i) + " 150754820096 NVIDIA H200\n";
  for (std::size_t i = 0; island != 0 && i < count; ++i)
    out += "link " + std::to_string(i) + " 0 " + pci("0001", i / island) + '\n';
  return out;
}

fake_nvml_answer::fake_nvml_answer(const std::filesystem::path& folder, const std::string& text)
    : file_(folder / "nvml") {
  std::ofstream{file_} << text;
  ::setenv("MUSTER_FAKE_NVML", file_.c_str(), 1);
}

void fake_nvml_answer::change(const std::string& text) const {
  const auto draft = file_.string() + ".draft"; // Nobody reads half of it.
  std::ofstream{draft} << text;
  std::filesystem::rename(draft, file_);
}

fake_nvml_answer::~fake_nvml_answer() {
  ::unsetenv("MUSTER_FAKE_NVML");
}

} // namespace muster::test
