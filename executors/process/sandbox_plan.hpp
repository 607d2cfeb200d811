#pragma once

#include "muster/base/result.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// How files come to absolute paths without anything being made on the host: in a private mount namespace, by
/// bubblewrap.
namespace muster::process {

/// What lies at a path, links not followed.
enum class host_kind : std::uint8_t { absent, file, folder, link, other };

/// What a plan needs to know of the host; a test plays it.
class host_files {
public:
  struct entry {
    std::string name;
    host_kind kind = host_kind::absent;
    std::string target; ///< Of a link.
  };
  virtual ~host_files() = default;
  [[nodiscard]] virtual host_kind kind_of(const std::filesystem::path& path) const = 0;
  /// The path without links; nothing if it does not exist.
  [[nodiscard]] virtual std::optional<std::filesystem::path> resolve(const std::filesystem::path& path) const = 0;
  /// At most `limit` + 1 entries.
  [[nodiscard]] virtual std::vector<entry> list(const std::filesystem::path& folder, std::size_t limit) const = 0;
  /// Everybody may make and remove entries of it, as in /tmp.
  [[nodiscard]] virtual bool is_open_to_all(const std::filesystem::path& folder) const = 0;
};

/// The real host.
class real_host_files final : public host_files {
public:
  host_kind kind_of(const std::filesystem::path& path) const override;
  std::optional<std::filesystem::path> resolve(const std::filesystem::path& path) const override;
  std::vector<entry> list(const std::filesystem::path& folder, std::size_t limit) const override;
  bool is_open_to_all(const std::filesystem::path& folder) const override;
};

/// What to make in the scratch folder, and what bubblewrap is told.
struct sandbox_plan {
  std::vector<std::filesystem::path> folders;                                 ///< In the scratch folder, in order.
  std::vector<std::filesystem::path> files;                                   ///< In the scratch folder: where each
                                                                              ///< injected file goes, as given.
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> links; ///< In the scratch folder -> target.
  std::vector<std::string> arguments;                                         ///< Options of bubblewrap.
};

/// Folders of the host with more entries than this are shown through symbolic links instead of one mount per entry.
constexpr std::size_t most_mounts_per_folder = 256;
/// Folders with more than this are refused.
constexpr std::size_t most_entries_per_folder = 20'000;

/// A folder of the host that is to be an empty one of the task's own.
struct private_folder {
  std::filesystem::path path; ///< Without links.
  /// Pairs (host path, path inside): below `path`, and shown all the same.
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> kept;
  /// Below `path`, and made in it.
  std::vector<std::filesystem::path> made;
};

/// What a sandbox should hold beside the files.
struct sandbox_wishes {
  std::vector<std::pair<std::string, std::string>> extra; ///< Host path, path inside.
  std::optional<private_folder> own;
  std::vector<std::filesystem::path> needed; ///< Never shown through a link.
};

/// Plans how each of `targets` (absolute paths) can be a file of its own while everything else of the host stays as it
/// is. A target that exists as a file is covered. Otherwise the deepest folder on its way that exists is replaced by
/// one of `scratch` into which all that the host has there is mounted; or linked, if these are many, or may vanish
/// before bubblewrap has mounted them, which would be the end of the task. The private folder lies in `scratch` under
/// its own path. Fails with `data_error` for a target that cannot be a file.
[[nodiscard]] result<sandbox_plan> plan_sandbox(const std::vector<std::string>& targets,
                                                const std::filesystem::path& scratch, const host_files& host,
                                                const sandbox_wishes& wishes = {});

/// `path` is `folder`, or lies below it; both without links.
[[nodiscard]] bool is_below(const std::filesystem::path& path, const std::filesystem::path& folder);

} // namespace muster::process
