#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::test {

/// One reader of an event stream (`text/event-stream`, in chunks), and what it holds the stream to: each number once,
/// in order, without a gap.
class sse_reader {
public:
  explicit sse_reader(std::uint64_t after) : last_(after) {}

  /// Takes what came over the socket.
  void take(std::string_view bytes);

  /// The head ended it.
  void cut_off();

  /// Everything up to this event has come.
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
  [[nodiscard]] std::uint64_t bookmarks() const noexcept { return bookmarks_; }
  /// Of frames, all that came.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// The first thing that was wrong; empty if nothing was.
  [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }

private:
  enum class part : std::uint8_t { head, size, data, end_of_data };

  void take_data(std::string_view bytes);
  void take_line(std::string_view line);
  void complain(const std::string& what);

  part part_ = part::head;
  std::string rest_; ///< Of a head or size that has not come whole.
  std::size_t left_ = 0;
  std::string text_; ///< Of a line that has not come whole.
  std::uint64_t last_;
  std::optional<std::uint64_t> id_;
  bool is_bookmark_ = false;
  std::uint64_t bookmarks_ = 0;
  std::uint64_t bytes_ = 0;
  std::string complaint_;
};

/// Many readers of the same stream over TCP, on the thread that calls this.
class sse_crowd {
public:
  /// Opens `count` connections that ask for the events behind `after`. The first `small` of them have the smallest
  /// buffers that the kernel permits, at both ends: they are full soon when nobody reads.
  sse_crowd(std::uint16_t port, std::uint64_t after, std::size_t count, std::size_t small);
  ~sse_crowd();
  sse_crowd(const sse_crowd&) = delete;
  sse_crowd& operator=(const sse_crowd&) = delete;

  /// Reads whatever comes, by all that are not stopped, until `done`; false at the deadline, or when
  /// something was wrong.
  bool read_until(const std::function<bool()>& done, std::chrono::seconds deadline);
  /// The first `count` read no more, or again.
  void stop(std::size_t count);
  void go_on(std::size_t count);

  [[nodiscard]] const std::vector<sse_reader>& readers() const noexcept { return readers_; }
  /// Each was told that it is up to date.
  [[nodiscard]] bool all_have_bookmarks() const;
  /// Those from `first` on have every event up to this one.
  [[nodiscard]] std::uint64_t all_have(std::size_t first) const;
  /// What was wrong; empty if nothing was.
  [[nodiscard]] std::string complaints() const;

private:
  void watch(std::size_t first, std::size_t end, std::uint32_t events);

  std::vector<sse_reader> readers_;
  std::vector<int> sockets_;
  int poll_;
};

} // namespace muster::test
