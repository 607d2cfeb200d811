#pragma once

#include "muster/base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace muster::docker {

/// Where a piece of a log comes from.
enum class log_stream : std::uint8_t {
  input = 0,
  output = 1,
  errors = 2,
  system = 3, ///< The daemon's own words: an error that ends the stream.
};

/// How a log is sent.
enum class log_format : std::uint8_t {
  multiplexed, ///< Frames with a head of eight bytes: containers without a terminal.
  raw,         ///< Text: containers with one. What is handed on are lines.
};

/// Takes frames apart, however they arrive. A frame is one record of the log: with timestamps, each begins with one. A
/// record is a line with its newline, or a piece of a line that the daemon cut (16 KiB), or what was left at the end.
class frame_decoder {
public:
  /// Largest frame that is believed in; also the longest line of a raw log before it is cut.
  static constexpr std::size_t max_frame = std::size_t{1} << 20U;

  explicit frame_decoder(log_format format = log_format::multiplexed) : format_(format) {}

  using sink = std::function<void(log_stream, std::string_view)>;

  /// Hands each record that is complete with `bytes` to `to`. Fails with `data_error` on what is no frame; nothing more
  /// can be read then. The text is valid during the call.
  [[nodiscard]] result<void> feed(std::string_view bytes, const sink& to);

  /// The stream is over: the last line of a raw log is handed over. Fails with `data_error` within a frame.
  [[nodiscard]] result<void> finish(const sink& to);

private:
  [[nodiscard]] result<void> feed_frames(std::string_view bytes, const sink& to);
  void feed_lines(std::string_view bytes, const sink& to);
  [[nodiscard]] result<void> read_head();

  log_format format_;
  std::array<char, 8> head_{};
  std::size_t head_size_ = 0;
  std::size_t left_ = 0; ///< Bytes of the payload that have not come yet.
  log_stream stream_ = log_stream::output;
  std::string pending_;
};

} // namespace muster::docker
