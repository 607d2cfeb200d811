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

/// Who claims a GPU.
struct claimant {
  std::filesystem::path state;  ///< Its state directory, which outlives it: noted in the file.
  bool is_told_to_have = false; ///< By whoever started it, who knows that nothing of others runs there.
};

/// The right to offer a GPU, until this value or its program ends: a lock of the file `muster-gpu-<uuid>`, which stays.
class gpu_claim {
public:
  /// `conflict` while another one has it, in words that say who as far as that can be told, or while nobody can tell;
  /// also when who had it last is gone, for what that one ran may go on, unless its state directory is gone too.
  /// `io_error` where claims cannot be made at all.
  [[nodiscard]] static result<gpu_claim> take(const std::filesystem::path& folder, const std::string& uuid,
                                              const claimant& who);

private:
  explicit gpu_claim(unique_fd lock) : lock_(std::move(lock)) {}

  unique_fd lock_;
};

/// The claims of one who offers GPUs. For one thread at a time.
class gpu_claims {
public:
  gpu_claims(std::filesystem::path folder, claimant who) : folder_(std::move(folder)), who_(std::move(who)) {}

  /// Claims what is to be offered and has a UUID. What another one has is offered no more, and the reason is a warning.
  /// Claims stay, also those of what is not to be offered any more.
  void claim(gpu_offer& offer);

private:
  std::filesystem::path folder_;
  claimant who_;
  std::map<std::string, gpu_claim> held_; ///< By UUID.
};

} // namespace muster::machine
