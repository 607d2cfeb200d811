#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace muster::process {

/// Attempt folders that nothing was left in, kept for the next attempts: moving one is far cheaper than removing it and
/// making another, above all on ext4, where making a file or folder soon after many were removed is slow. Not
/// thread-safe.
class folder_pool {
public:
  folder_pool() = default;
  folder_pool(const folder_pool&) = delete;
  folder_pool& operator=(const folder_pool&) = delete;
  /// Removes what is left over.
  ~folder_pool();

  /// Takes over an attempt's folder with its `work` and `output`, if both are empty and as they were made. False: it is
  /// left alone.
  bool give(const std::string& folder);

  /// Moves a folder to `folder`; false if there is none, or something is there already.
  bool take(const std::string& folder);

private:
  std::vector<std::string> spares_;
};

} // namespace muster::process
