#pragma once

#include "executors/machine/gpu_offer.hpp"
#include "muster/base/result.hpp"
#include "muster/base/unique_fd.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <utility>

/// Which agent offers which GPU, among all of a machine: each is offered by one at a time.
namespace muster::machine {

/// Where that is settled, by a file for each GPU: what MUSTER_GPU_LOCKS says, else /run/lock.
[[nodiscard]] std::filesystem::path claims_folder();

/// The right to offer a GPU, until this value or its program ends: a lock of the file `muster-gpu-<uuid>`, which stays.
class gpu_claim {
public:
  /// `conflict` while another one has it, in words that say who as far as that can be told, or while nobody can tell;
  /// `io_error` where claims cannot be made at all.
  [[nodiscard]] static result<gpu_claim> take(const std::filesystem::path& folder, const std::string& uuid);

private:
  explicit gpu_claim(unique_fd lock) : lock_(std::move(lock)) {}

  unique_fd lock_;
};

/// The claims of one who offers GPUs. For one thread at a time.
class gpu_claims {
public:
  explicit gpu_claims(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Claims what is to be offered and has a UUID. What another one has is offered no more, and the reason is a warning.
  /// Claims stay, also those of what is not to be offered any more.
  void claim(gpu_offer& offer);

private:
  std::filesystem::path folder_;
  std::map<std::string, gpu_claim> held_; ///< By UUID.
};

} // namespace muster::machine
