#pragma once

#include "muster/api/runtime.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

MUSTER_API_BEGIN

/// Which head, and who asks it.
struct head_options {
  /// `http://host:port` or `https://host:port`; empty: `$MUSTER_ADDRESS`.
  std::string address;
  std::filesystem::path token_file; ///< Its first line is the token; empty: `$MUSTER_TOKEN_FILE`, else none.
  std::filesystem::path ca;         ///< Who signs the head's certificate, PEM; empty: as the system trusts.
  std::string pool;                 ///< Of submissions; empty: as the head has it.
  /// How long a head that is not reached, as while it is restarted, is tried again.
  std::chrono::milliseconds patience{30'000};
};

/// A head that runs elsewhere, `muster serve`. What is submitted to it runs on there, whatever becomes of this process.
/// From any thread.
class MUSTER_API head {
public:
  /// Asks it who it is: `unavailable` if it cannot be reached, `denied` without a token that it knows.
  [[nodiscard]] static result<head> connect(const head_options& options = {});

  /// Submits a workflow; returns once that is durable there, and never submits twice. Errors as of
  /// `local_runtime::submit`.
  [[nodiscard]] result<run> submit(const workflow& x, const dict& parameters = {});
  /// The same of a spec's text. Files that it names by `localpath` are not sent along.
  [[nodiscard]] result<run> submit_yaml(std::string_view spec, const dict& parameters = {});
  /// Runs what did not complete of a finished workflow once more, under the same id; see `local_runtime::retry`.
  [[nodiscard]] result<run> retry(const std::string& id, const std::string& from = {});
  /// A workflow that the head knows.
  [[nodiscard]] result<run> find(const std::string& id);

  class impl;

private:
  explicit head(std::shared_ptr<impl> x) noexcept : impl_(std::move(x)) {}
  std::shared_ptr<impl> impl_;
};

MUSTER_API_END
