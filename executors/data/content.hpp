#pragma once

#include "executors/driver.hpp"
#include "muster/base/result.hpp"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

/// What folders hold, told by a digest. All of it blocks: never call it from an actor that others wait for.
namespace muster::data {

/// What an input holds.
struct content {
  std::string digest; ///< SHA-256 of names, modes and contents, 64 hex digits.
  /// Name -> mode and digest, at most `most_files` of them.
  std::vector<std::pair<std::string, std::string>> files;
  static constexpr std::size_t most_files = 200;
};

/// Reads files and remembers their digests: a file whose inode, size and times are the same is not read again.
class content_reader {
public:
  /// When `stop` becomes true, what is being read is given up: `ec::canceled`.
  explicit content_reader(const std::atomic<bool>& stop) : stop_(&stop) {}

  /// All that an attempt would find in its folder for this input, `regex` being what it is after tokens are replaced.
  /// Links to files count as those files. Fails with `ec::data_error`, naming the file.
  [[nodiscard]] result<content> read(const located_input& x);

private:
  struct remembered {
    std::string state; ///< Size and times.
    std::string digest;
    std::list<std::string>::iterator order;
  };

  [[nodiscard]] result<void> add_source(const std::filesystem::path& source, const std::string& regex,
                                        const std::string& below, class digest_list& into);
  [[nodiscard]] result<void> add_file(const std::filesystem::path& file, const std::string& name, digest_list& into);
  [[nodiscard]] result<std::string> digest_of(const std::filesystem::path& file);

  const std::atomic<bool>* stop_;
  std::unordered_map<std::string, remembered> known_; ///< By device and inode.
  std::list<std::string> order_;                      ///< Keys of `known_`, those used last in front.
};

/// Makes `to` a folder with all that `from` holds: hard links, or, where the file system or its rules do not allow
/// that, one symbolic link to the whole. What was at `to` is removed. Fails with `ec::data_error`.
[[nodiscard]] result<void> link_folder(const std::filesystem::path& from, const std::filesystem::path& to);

} // namespace muster::data
