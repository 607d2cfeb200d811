#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::store {

/// Who wrote a piece of a log.
enum class log_origin : std::uint8_t {
  unknown = 0, ///< A task, but the stream is not known any more.
  output = 1,  ///< stdout.
  errors = 2,  ///< stderr.
  muster = 3,  ///< A mark of Muster's own.
};

/// A piece of a log that one of them wrote.
struct log_run {
  log_origin from = log_origin::unknown;
  std::uint64_t size = 0; ///< Bytes.
};

/// The file beside a log that tells its streams apart: `<log>.streams`. A log has none if it is empty, or if its driver
/// does not tell them apart.
[[nodiscard]] std::filesystem::path streams_of(const std::filesystem::path& log);

/// Adds `run` to the text of such a file: one number of seven bits per byte, lowest first, `size * 4 + from`. A run of
/// `unknown` with size 0 says that all that follows is not told apart.
void append_run(std::string& to, const log_run& run);

/// Takes a run off the front of `text`; false, and nothing taken, if there is none in whole.
[[nodiscard]] bool take_run(std::string_view& text, log_run& run);

/// Adds `run` to `runs`, as part of the last one where it fits.
void merge_run(std::vector<log_run>& runs, const log_run& run);

/// Tells a log that may still grow apart. Holds no descriptor between calls.
class log_streams {
public:
  explicit log_streams(const std::filesystem::path& log);

  /// Whether there is anything to tell by.
  [[nodiscard]] bool known() const;

  /// Reads what is new; after a cut of the log everything.
  void refresh();

  /// Who wrote the byte at `offset`.
  [[nodiscard]] log_origin origin_at(std::uint64_t offset) const;

  /// Passes those parts of `piece`, which begins at `offset` of the log, that `wanted` wrote or may have written.
  void pass(std::uint64_t offset, std::string_view piece, log_origin wanted,
            const std::function<void(std::string_view)>& use) const;

  /// Whether some of the log is not told apart, because there were too many changes between the streams.
  [[nodiscard]] bool partly_unknown() const noexcept { return partly_unknown_; }

private:
  /// A run, and where it ends.
  struct placed_run {
    std::uint64_t end = 0;
    log_origin from = log_origin::unknown;
  };

  std::filesystem::path file_;
  std::uint64_t read_ = 0;  ///< Bytes of the file.
  std::uint64_t inode_ = 0; ///< A cut makes it anew.
  std::vector<placed_run> runs_;
  bool partly_unknown_ = false;
};

} // namespace muster::store
