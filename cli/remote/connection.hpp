#pragma once

#include "cli/commands/commands.hpp"
#include "gateway/client/api.hpp"
#include "muster/base/result.hpp"

#include <memory>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace muster::cli {

/// What the command line says about the head to speak to.
struct head_choice {
  std::string address;
  std::string context;
  std::string token_file;
  std::string config_file;
  bool quick = false; ///< Whoever asks does not wait: nothing is tried again.

  /// Whether it names a head at all.
  [[nodiscard]] bool named() const { return !address.empty() || !context.empty(); }
};

/// Adds `--address`, `--context`, `--token-file`, and `--state-dir` for the head of a directory.
void add_head_choice(CLI::App& command, head_choice& choice, context& ctx);

/// The head that the user means: that of `--address`, else of `--context`, else the one at work on `--state-dir`, else
/// of `MUSTER_ADDRESS`, else of the current context, else the one at work on the usual state directory. Null if none of
/// them helps. The token is that of `--token-file`, else of the context, else of `MUSTER_TOKEN_FILE`, else, of a head
/// that its state directory names, the one it left there for its operator. Asks nobody yet.
[[nodiscard]] result<std::unique_ptr<client::api>> find_head_api(const context& ctx, const head_choice& choice);

/// The same; where there is none, `unavailable` says how one is named.
[[nodiscard]] result<std::unique_ptr<client::api>> require_head(const context& ctx, const head_choice& choice);

/// The same for commands that only read; where there is none, the state directory itself answers. So does it where a
/// head is at work on this machine's directory and nobody named it otherwise: reading needs no token of who owns it.
[[nodiscard]] result<std::unique_ptr<client::api>> find_reading_api(const context& ctx, const head_choice& choice);

/// The head at work, which knows more than what is recorded, if it answers whoever asks; else as `find_reading_api`.
[[nodiscard]] result<std::unique_ptr<client::api>> find_live_api(const context& ctx, const head_choice& choice);

/// Whether the user means a head by its address or a context, so that files of this machine say nothing about it.
[[nodiscard]] result<bool> means_other_machine(const context& ctx, const head_choice& choice);

} // namespace muster::cli
