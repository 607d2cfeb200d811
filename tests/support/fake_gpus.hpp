#pragma once

#include <filesystem>
#include <string>

/// Machines with GPUs, for the library of support/fake_nvml.
namespace muster::test {

/// The library that answers as NVML does: `whole`, `old` (without NVLink and MIG) or `broken` (without UUIDs).
[[nodiscard]] std::filesystem::path fake_nvml_library(const std::string& version = "whole");

/// What `count` GPUs answer, `GPU-0` and so on. Those of one island of `island` GPUs are connected with each other, by
/// a switch each; 0: none is.
[[nodiscard]] std::string fake_gpus(std::size_t count, std::size_t island = 0);

/// Makes the library answer `text`, in this process and those that it starts, until it goes.
class fake_nvml_answer {
public:
  /// `folder` holds the file.
  fake_nvml_answer(const std::filesystem::path& folder, const std::string& text);
  ~fake_nvml_answer();
  fake_nvml_answer(const fake_nvml_answer&) = delete;
  fake_nvml_answer& operator=(const fake_nvml_answer&) = delete;

  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
  /// From the next `nvmlInit_v2` on it answers this.
  void change(const std::string& text) const;

private:
  std::filesystem::path file_;
};

} // namespace muster::test
