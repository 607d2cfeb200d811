#pragma once

#include "gateway/api/beneath.hpp"
#include "gateway/api/places.hpp"
#include "gateway/http/stream.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::gateway {

/// The head of one entry of a tar archive (POSIX.1-2001): 512 bytes, and a pax head before it for a name or a size that
/// ustar has no room for. `path` ends with `/` for a folder.
[[nodiscard]] std::string tar_head(std::string_view path, std::uint64_t size, std::int64_t modified, bool is_folder);

/// A folder as a tar archive that is made while it is sent. Files that links within it lead to are there as files;
/// links that lead out, and what is neither file nor folder, are left out. What it needs does not grow with the folder.
class tar_stream final : public http::body_stream {
public:
  tar_stream(unique_fd folder, places::place place);

  void start(http::waker /*wake*/) override {}
  [[nodiscard]] next produce(std::string& out, std::size_t room) override;

private:
  /// A folder that is gone through.
  struct level {
    std::string path; ///< With a final `/`; empty for the first.
    folder_names rest;
    std::vector<std::string> names; ///< A piece of them.
    std::size_t at = 0;
  };

  [[nodiscard]] bool enter(const std::string& path);
  [[nodiscard]] bool add_next(std::string& out);
  [[nodiscard]] bool add_file(std::string& out, std::size_t room);

  const unique_fd root_;
  const places::place place_;
  std::vector<level> levels_;
  opened_file file_; ///< The one that is being sent.
  std::uint64_t sent_ = 0;
  bool has_begun_ = false;
};

} // namespace muster::gateway
