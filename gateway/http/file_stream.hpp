#pragma once

#include "gateway/http/range.hpp"
#include "gateway/http/stream.hpp"

#include <cstdint>

namespace muster::http {

/// A part of an open file. If the file turns out to be shorter meanwhile, the stream fails.
class file_stream final : public body_stream {
public:
  /// Owns the descriptor from now on.
  file_stream(int descriptor, std::uint64_t first, std::uint64_t size) noexcept;
  ~file_stream() override;
  file_stream(const file_stream&) = delete;
  file_stream& operator=(const file_stream&) = delete;

  void start(waker /*wake*/) override {}
  [[nodiscard]] next produce(std::string& out, std::size_t room) override;

private:
  int descriptor_;
  std::uint64_t at_;
  std::uint64_t left_;
};

} // namespace muster::http
