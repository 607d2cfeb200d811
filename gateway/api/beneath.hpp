#pragma once

#include "muster/base/result.hpp"

#include "muster/base/unique_fd.hpp"

#include <cstdint>
#include <dirent.h>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Reading a folder that others write to, without ever leaving it: whatever its names, links and special files are.
namespace muster::gateway {

/// What a file in such a folder is.
enum class file_kind : std::uint8_t { file = 1, folder = 2, other = 3 };

/// One that was opened: of a folder or something else only to look at it.
struct opened_file {
  unique_fd fd;
  file_kind kind = file_kind::other;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0; ///< Since 1970.
  std::uint64_t inode = 0;
};

/// Opens a folder. `not_found` if there is none.
[[nodiscard]] result<unique_fd> open_folder(const std::filesystem::path& path);

/// Opens `path`, relative to `folder`; empty for the folder itself. Links are followed as long as they stay in the
/// folder. `not_found` if it is not there or leads out.
[[nodiscard]] result<opened_file> open_beneath(const unique_fd& folder, const std::string& path);

/// The names in a folder, a piece after the other: what is in memory does not grow with the folder.
class folder_names {
public:
  [[nodiscard]] static result<folder_names> of(const opened_file& folder);

  /// The next ones, sorted among themselves, that need about `room` bytes; none at the end.
  [[nodiscard]] std::vector<std::string> next(std::size_t room);

private:
  struct closer {
    void operator()(DIR* x) const noexcept { ::closedir(x); }
  };
  std::unique_ptr<DIR, closer> stream_; ///< Null at the end.
};

/// The names in `folder`, sorted. `limit_exceeded` if there are more than `most`.
[[nodiscard]] result<std::vector<std::string>> names_in(const opened_file& folder, std::size_t most);

} // namespace muster::gateway
