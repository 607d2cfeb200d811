#include "cli/remote/head_use.hpp"

#include <CLI/CLI.hpp>

namespace muster::cli {

void add_head_use(CLI::App& command, head_use& use, context& ctx) {
  add_head_choice(command, use, ctx);
  command.add_flag("--local", use.local, "Run it on this machine, whatever heads there are");
  command.add_flag("-d,--detach", use.detach, "Hand it to the head, print its id, and return");
}

result<bool> choose_head(const context& ctx, const CLI::App& command, const head_use& use) {
  if (use.local && use.named())
    return {ec::invalid_argument, "--local and the name of a head exclude each other"};
  bool meant = false;
  if (!use.local) {
    const auto head = find_head_api(ctx, use);
    if (!head)
      return head.failure();
    meant = *head != nullptr;
  }
  if (!meant && use.detach)
    return {ec::invalid_argument, "--detach goes with a head, and there is none here: name one by --address, or start "
                                  "one by 'muster serve'"};
  if (!meant)
    return false;
  for (const auto* option : {"--docker-host", "--pull", "--config", "--max-parallel", "--oversubscribe", "--gpus",
                             "--enforce-limits", "--max-retries", "--keep", "--spec"})
    if (command.get_option_no_throw(option) != nullptr && command.count(option) > 0)
      return {ec::invalid_argument, std::string{option} + " is of runs on this machine, and a head is asked, which has "
                                                          "settings of its own; leave it out, or say --local"};
  return true;
}

} // namespace muster::cli
