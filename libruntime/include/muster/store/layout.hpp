#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace muster::store {

/// Looks up an environment variable; null if it is not set. `std::getenv` is one.
using environment = std::function<const char*(const char* name)>;

/// Where everything lies in a state directory (docs/architecture.md). A value: making one touches no disk but `create`.
class state_directory {
public:
  /// The directory at `root`.
  explicit state_directory(std::filesystem::path root);

  /// `$MUSTER_STATE_DIR`, else `$XDG_STATE_HOME/muster`, else `~/.local/state/muster`; a relative path counts from the
  /// working directory. An empty variable counts as unset, and so does an `$XDG_STATE_HOME` that is not absolute, as
  /// the XDG rules say. Fails with `ec::invalid_argument` where none of the three helps.
  [[nodiscard]] static result<state_directory> resolve(const environment& get);

  /// Makes the directory and what is missing above it, for the user alone (0700), and checks that it can be written to.
  /// A directory that exists keeps its mode. Fails with `ec::io_error`.
  [[nodiscard]] result<void> create() const;

  /// Whether there is a store; false as well if that cannot be seen.
  [[nodiscard]] bool has_store() const;

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  /// The store: `muster.db`.
  [[nodiscard]] std::filesystem::path database() const { return root_ / "muster.db"; }
  /// Held by the one process that writes: `writer.lock`.
  [[nodiscard]] std::filesystem::path lock() const { return root_ / "writer.lock"; }
  /// The folder of the process driver's warden.
  [[nodiscard]] std::filesystem::path warden() const { return root_ / "warden"; }

  // -- of one workflow, `id` being `<name>-<n>`. A name that would not be a plain file name is percent-encoded.

  /// `workflows`
  [[nodiscard]] std::filesystem::path workflows() const { return root_ / "workflows"; }
  /// Folders of deleted workflows, until they are removed: `trash`
  [[nodiscard]] std::filesystem::path trash() const { return root_ / "trash"; }
  /// The id whose folder this would be; none if that cannot be told from its name.
  [[nodiscard]] std::optional<std::string> id_of(const std::filesystem::path& folder) const;
  /// Moves the folder of a workflow into the trash, in one step; nothing happens if there is none. `io_error`.
  [[nodiscard]] result<void> discard(std::string_view id) const;
  /// `workflows/<id>`
  [[nodiscard]] std::filesystem::path workflow(std::string_view id) const;
  /// `workflows/<id>/tasks/<task>`: what the names of all that belongs to a task begin with.
  [[nodiscard]] std::filesystem::path task(std::string_view id, std::string_view task) const;
  /// `workflows/<id>/tasks/<task>.<n>`: the attempt's own folder.
  [[nodiscard]] std::filesystem::path attempt(std::string_view id, std::string_view task, std::uint32_t number) const;
  /// `workflows/<id>/tasks/<task>.<n>.log`: what the attempt wrote to stdout and stderr.
  [[nodiscard]] std::filesystem::path log(std::string_view id, std::string_view task, std::uint32_t number) const;
  /// `workflows/<id>/tasks/<task>.<n>/output`: where the attempt writes.
  [[nodiscard]] std::filesystem::path output(std::string_view id, std::string_view task, std::uint32_t number) const;
  /// `workflows/<id>/tasks/<task>.output`: a link to the output of the attempt that completed.
  [[nodiscard]] std::filesystem::path output_link(std::string_view id, std::string_view task) const;

private:
  std::filesystem::path root_;
};

/// The lock of the one writer of a state directory: an exclusive flock, given back by the destructor or by the end of
/// the process, however it comes. A child made by a bare fork shares it: fork such children first.
class writer_lock {
public:
  /// Creates the directory where it is missing. Fails with `ec::store_locked`, naming the process that holds it, or
  /// `ec::io_error`.
  [[nodiscard]] static result<writer_lock> take(const state_directory& directory);

  writer_lock(writer_lock&& other) noexcept;
  writer_lock& operator=(writer_lock&& other) noexcept;
  ~writer_lock();

private:
  explicit writer_lock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

} // namespace muster::store
