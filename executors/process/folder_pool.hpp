#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace muster::process {

/// Attempt folders that nothing was left in, kept for the next attempts: moving one is far cheaper than removing it and
/// making another, above all on ext4, where making a file or folder soon after many were removed is slow. Not
/// thread-safe.
class folder_pool {
public:
  /// By what a folder is known again as one that was empty: nobody can change what is in it and leave its status time.
  struct mark {
    dev_t device = 0;
    ino_t inode = 0;
    mode_t mode = 0;
    timespec changed{};
  };
  /// The marks of an attempt's `work` and `output`, taken when both were empty and there was nothing else in its
  /// folder.
  struct marks {
    mark work;
    mark output;
    timespec modified{}; ///< The folder itself: moving it changes its status time, but not this one.
  };

  /// True if `path` is still the folder that the mark was taken of, and as empty as it was then.
  [[nodiscard]] static bool is_untouched(const std::string& path, const mark& before);

  folder_pool() = default;
  folder_pool(const folder_pool&) = delete;
  folder_pool& operator=(const folder_pool&) = delete;
  /// What is left over goes to where it is kept, or is removed.
  ~folder_pool();

  /// Between two pools they are kept in the folder `path`, at most 64, if it is this user's alone. What is there is
  /// used if it is still empty, and as this process would make it: of its group and with its umask.
  void keep_in(std::string path);

  /// Takes over an attempt's folder with its `work` and `output`, if both are empty and as they were made, and nothing
  /// else is there. `before`, from `take`, spares looking into them. False: it is left alone.
  bool give(const std::string& folder, const std::optional<marks>& before);

  /// What `take` did.
  struct taken {
    bool moved = false;          ///< False if there was none, or something is there already.
    std::optional<marks> before; ///< For `give`, if they can be relied on.
  };
  /// Moves a folder to `folder`.
  taken take(const std::string& folder);

private:
  struct spare {
    std::string path;
    marks known;
  };
  [[nodiscard]] std::optional<spare> next_spare();
  [[nodiscard]] bool is_like_own(const std::string& folder) const;

  std::string kept_in_;           ///< Empty: nowhere.
  std::vector<std::string> kept_; ///< What is there, and was not looked at.
  mode_t mode_ = 0;               ///< Of folders that this process makes.
  std::vector<spare> spares_;
};

} // namespace muster::process
