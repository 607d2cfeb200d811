#include "gateway/http/file_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace muster::http {

file_stream::file_stream(int descriptor, std::uint64_t first, std::uint64_t size) noexcept
    : descriptor_(descriptor), at_(first), left_(size) {}

file_stream::~file_stream() {
  ::close(descriptor_);
}

body_stream::next file_stream::produce(std::string& out, std::size_t room) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, left_));
  const auto before = out.size();
  out.resize(before + wanted);
  ssize_t got = 0;
  do
    got = ::pread(descriptor_, out.data() + before, wanted, static_cast<off_t>(at_));
  while (got < 0 && errno == EINTR);
  out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got <= 0 && wanted != 0)
    return next::fail;
  at_ += static_cast<std::uint64_t>(got);
  left_ -= static_cast<std::uint64_t>(got);
  return left_ == 0 ? next::end : next::more;
}

} // namespace muster::http
