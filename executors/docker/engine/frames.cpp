#include "executors/docker/engine/frames.hpp"

#include <algorithm>

namespace muster::docker {

result<void> frame_decoder::feed(std::string_view bytes, const sink& to) {
  if (format_ == log_format::multiplexed)
    return feed_frames(bytes, to);
  feed_lines(bytes, to);
  return {};
}

result<void> frame_decoder::read_head() {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(head_[i]); };
  if (byte(0) > 3 || byte(1) != 0 || byte(2) != 0 || byte(3) != 0)
    return error{ec::data_error, "the log is not in frames, as those of containers without a terminal are"};
  left_ = (std::size_t{byte(4)} << 24U) | (std::size_t{byte(5)} << 16U) | (std::size_t{byte(6)} << 8U) | byte(7);
  if (left_ > max_frame)
    return error{ec::data_error, "a frame of the log claims " + std::to_string(left_) + " bytes; at most " +
                                     std::to_string(max_frame) + " are believed"};
  stream_ = static_cast<log_stream>(byte(0));
  return {};
}

result<void> frame_decoder::feed_frames(std::string_view bytes, const sink& to) {
  while (!bytes.empty()) {
    if (head_size_ < head_.size()) {
      const auto count = std::min(head_.size() - head_size_, bytes.size());
      std::copy_n(bytes.begin(), count, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
      head_size_ += count;
      bytes.remove_prefix(count);
      if (head_size_ < head_.size())
        return {};
      if (auto read = read_head(); !read)
        return read;
    }
    const auto count = std::min(left_, bytes.size());
    const auto piece = bytes.substr(0, count);
    bytes.remove_prefix(count);
    left_ -= count;
    if (left_ > 0) {
      pending_.append(piece);
      return {};
    }
    head_size_ = 0;
    if (pending_.empty()) {
      if (!piece.empty())
        to(stream_, piece);
      continue;
    }
    pending_.append(piece);
    to(stream_, pending_);
    pending_.clear();
  }
  return {};
}

void frame_decoder::feed_lines(std::string_view bytes, const sink& to) {
  while (!bytes.empty()) {
    const auto newline = bytes.find('\n');
    const auto room = max_frame - pending_.size();
    const bool whole = newline != std::string_view::npos && newline + 1 <= room;
    const auto piece = bytes.substr(0, whole ? newline + 1 : std::min(room, bytes.size()));
    bytes.remove_prefix(piece.size());
    if (whole && pending_.empty()) {
      to(log_stream::output, piece);
      continue;
    }
    pending_.append(piece);
    if (whole || pending_.size() == max_frame) {
      to(log_stream::output, pending_);
      pending_.clear();
    }
  }
}

result<void> frame_decoder::finish(const sink& to) {
  if (format_ == log_format::raw && !pending_.empty())
    to(log_stream::output, pending_);
  const bool cut = format_ == log_format::multiplexed && (head_size_ > 0 || left_ > 0);
  pending_.clear();
  head_size_ = 0;
  left_ = 0;
  if (cut)
    return error{ec::data_error, "the log ended within a frame"};
  return {};
}

} // namespace muster::docker
