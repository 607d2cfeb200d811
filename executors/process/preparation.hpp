#pragma once

#include "executors/driver.hpp"
#include "executors/process/command_memo.hpp"
#include "executors/process/environment.hpp"
#include "executors/process/folder_pool.hpp"
#include "executors/process/sandbox.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::process {

/// What preparation needs to know beside the attempt.
struct preparation_context {
  environment_map inherited;
  visible_gpus gpus;
  std::shared_ptr<bubblewrap> sandbox;
  std::optional<std::int64_t> most_processes; ///< Set: limits are enforced, and this is one.
};

/// What is left of an attempt's spec once it is ready to start.
struct prepared_attempt {
  std::string start_frame; ///< The request to the warden, ready to send.
  std::string program;
  std::optional<folder_pool::marks> folder_before; ///< Of `work` and `output`, if they came from the spares.
};

/// What makes it cheaper, of the one thread that has it.
struct preparation_aids {
  folder_pool* spares = nullptr; ///< A folder that is left over may be taken instead of a new one.
  command_memo* commands = nullptr;
};

/// True if preparing it reads or writes more than a few folders: that belongs into the worker.
[[nodiscard]] bool is_slow_to_prepare(const attempt_spec& spec);

/// Makes the folders of the attempt and everything in them, and the request that starts it. Fails with `conflict` if it
/// was started before, `invalid_argument` if it has no command, `data_error`, `sandbox_unavailable` or `io_error`.
[[nodiscard]] result<prepared_attempt> prepare_attempt(const attempt_spec& spec, const preparation_context& context,
                                                       const preparation_aids& aids = {});

/// The URLs of the task's outputs with tokens replaced.
[[nodiscard]] std::vector<spec::output> located_outputs(const attempt_spec& spec);

} // namespace muster::process
