#pragma once

#include "executors/driver.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace muster::remote {

/// What a node has been told to run by the head of one id, and may not forget: a file for each attempt, there (and
/// synced) before the attempt is prepared, gone when the head has let go of it. So a node that does not know an attempt
/// has never started it. What its driver is to forget is marked before (and synced): a driver that forgot an attempt
/// would say that it was never started. Blocks; for one thread.
class ledger {
public:
  /// Opens or makes `folder`/`head`; `root` is the state directory that paths of attempts count from. Fails with
  /// `conflict` while the attempts of another head are here, `store_corrupt` for a file that cannot be read, naming
  /// it, and `io_error`.
  [[nodiscard]] static result<ledger> open(const std::filesystem::path& folder, const std::string& head,
                                           std::filesystem::path root);

  /// Says whose attempts are in `folder`: a head would take those of another node for given up, and end them. Fails
  /// with `conflict` while attempts of a node of another name are there, and `io_error`.
  [[nodiscard]] static result<void> keep_to_node(const std::filesystem::path& folder, const std::string& node);

  /// What was noted and not dropped before this was opened; by id.
  [[nodiscard]] const std::vector<attempt_spec>& found() const noexcept { return found_; }

  /// What was let go of, and perhaps not removed from the driver, before this was opened; by id.
  [[nodiscard]] const std::vector<attempt_spec>& leaving() const noexcept { return leaving_; }

  /// Notes an attempt. Again: replaces what was noted. Fails with `io_error`, `invalid_argument`.
  [[nodiscard]] result<void> note(const attempt_spec& x) const;

  /// Marks an attempt, which its driver is to remove next; nothing happens if it is not known. `io_error`.
  [[nodiscard]] result<void> let_go(attempt_id x) const;

  /// Forgets an attempt that was let go of; nothing happens if it is not known. `io_error`.
  [[nodiscard]] result<void> drop(attempt_id x) const;

private:
  ledger(std::filesystem::path folder, std::filesystem::path root)
      : folder_(std::move(folder)), root_(std::move(root)) {}
  [[nodiscard]] result<void> load();
  [[nodiscard]] result<attempt_spec> read(const std::filesystem::path& file) const;
  [[nodiscard]] std::filesystem::path file_of(attempt_id x) const;
  [[nodiscard]] std::filesystem::path mark_of(attempt_id x) const;

  std::filesystem::path folder_;
  std::filesystem::path root_;
  std::vector<attempt_spec> found_;
  std::vector<attempt_spec> leaving_;
};

} // namespace muster::remote
