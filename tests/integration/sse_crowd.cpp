#include "sse_crowd.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace muster::test {

namespace {

int connect_to(std::uint16_t port, bool small) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (small) { // What the head may send ahead goes by the size of a segment.
    constexpr int segment = 1024;
    constexpr int buffer = 4096;
    ::setsockopt(socket, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  }
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(port);
  if (socket < 0 || ::connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
    throw std::system_error{errno, std::generic_category(), "cannot connect"};
  return socket;
}

template <class Integer>
bool parse(std::string_view text, Integer& out, int base = 10) {
  return std::from_chars(text.data(), text.data() + text.size(), out, base).ec == std::errc{};
}

} // namespace

// -- sse_reader

void sse_reader::take(std::string_view bytes) {
  while (!bytes.empty() && complaint_.empty()) {
    if (part_ == part::data) {
      const auto count = std::min(left_, bytes.size());
      take_data(bytes.substr(0, count));
      bytes.remove_prefix(count);
      if ((left_ -= count) == 0)
        part_ = part::end_of_data;
      continue;
    }
    // The head, a size and what ends a chunk are lines.
    rest_ += bytes.front();
    bytes.remove_prefix(1);
    if (rest_.back() != '\n')
      continue;
    if (part_ == part::head) {
      if (rest_.rfind("HTTP/1.1 200 ", 0) != 0 && rest_.rfind("HTTP/", 0) == 0)
        complain(rest_);
      if (rest_.size() >= 4 && rest_.compare(rest_.size() - 4, 4, "\r\n\r\n") == 0)
        part_ = part::size;
      else
        continue;
    } else if (part_ == part::size) {
      if (!parse(rest_, left_, 16) || left_ == 0)
        complain("a chunk of " + rest_);
      part_ = part::data;
    } else {
      part_ = part::size;
    }
    rest_.clear();
  }
}

void sse_reader::take_data(std::string_view bytes) {
  bytes_ += bytes.size();
  for (;;) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos)
      break;
    if (text_.empty()) {
      take_line(bytes.substr(0, end));
    } else {
      text_ += bytes.substr(0, end);
      take_line(text_);
      text_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  text_ += bytes;
}

void sse_reader::take_line(std::string_view line) {
  if (line.substr(0, 4) == "id: " && !parse(line.substr(4), id_.emplace()))
    complain("an id of " + std::string{line});
  if (line == "event: bookmark")
    is_bookmark_ = true;
  if (line == "event: gone")
    complain("events were gone behind " + std::to_string(last_));
  if (!line.empty() || !id_)
    return;
  // The end of a frame.
  if (is_bookmark_ ? *id_ != last_ : *id_ != last_ + 1)
    complain((is_bookmark_ ? "bookmark " : "event ") + std::to_string(*id_) + " came behind " + std::to_string(last_));
  bookmarks_ += is_bookmark_ ? 1 : 0;
  last_ = *id_;
  id_.reset();
  is_bookmark_ = false;
}

void sse_reader::cut_off() {
  complain("was cut off behind " + std::to_string(last_));
}

void sse_reader::complain(const std::string& what) {
  if (complaint_.empty())
    complaint_ = what;
}

// -- sse_crowd

sse_crowd::sse_crowd(std::uint16_t port, std::uint64_t after, std::size_t count, std::size_t small)
    : readers_(count, sse_reader{after}), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
  const auto request = "GET /v1/events?after=" + std::to_string(after) +
                       " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
  for (std::size_t i = 0; i < count; ++i) {
    sockets_.push_back(connect_to(port, i < small));
    epoll_event x{};
    x.events = EPOLLIN;
    x.data.u64 = i;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, sockets_.back(), &x);
  }
  // All at once, as when a head is back.
  for (const int socket : sockets_)
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      throw std::runtime_error("cannot send a request");
}

sse_crowd::~sse_crowd() {
  for (const int x : sockets_)
    ::close(x);
  ::close(poll_);
}

bool sse_crowd::read_until(const std::function<bool()>& done, std::chrono::seconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  std::vector<char> buffer(std::size_t{256} * 1024);
  std::array<epoll_event, 256> ready{};
  while (!done()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    const int count = ::epoll_wait(poll_, ready.data(), static_cast<int>(ready.size()), 1000);
    for (int i = 0; i < count; ++i) {
      const auto number = static_cast<std::size_t>(ready[static_cast<std::size_t>(i)].data.u64);
      const auto got = ::recv(sockets_[number], buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got < 0)
        continue;
      if (got == 0) {
        ::epoll_ctl(poll_, EPOLL_CTL_DEL, sockets_[number], nullptr);
        readers_[number].cut_off();
        return false;
      }
      readers_[number].take({buffer.data(), static_cast<std::size_t>(got)});
      if (!readers_[number].complaint().empty())
        return false;
    }
  }
  return true;
}

void sse_crowd::stop(std::size_t count) {
  watch(0, count, 0);
}

void sse_crowd::go_on(std::size_t count) {
  constexpr int buffer = 1024 * 1024;
  for (std::size_t i = 0; i < count; ++i)
    ::setsockopt(sockets_[i], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  watch(0, count, EPOLLIN);
}

void sse_crowd::watch(std::size_t first, std::size_t end, std::uint32_t events) {
  for (auto i = first; i < end; ++i) {
    epoll_event x{};
    x.events = events;
    x.data.u64 = i;
    ::epoll_ctl(poll_, EPOLL_CTL_MOD, sockets_[i], &x);
  }
}

bool sse_crowd::all_have_bookmarks() const {
  return std::all_of(readers_.begin(), readers_.end(), [](const auto& x) { return x.bookmarks() > 0; });
}

std::uint64_t sse_crowd::all_have(std::size_t first) const {
  std::uint64_t least = UINT64_MAX;
  for (auto i = first; i < readers_.size(); ++i)
    least = std::min(least, readers_[i].last());
  return least;
}

std::string sse_crowd::complaints() const {
  std::string out;
  for (std::size_t i = 0; i < readers_.size() && out.size() < 1000; ++i)
    if (!readers_[i].complaint().empty())
      out += std::to_string(i) + ": " + readers_[i].complaint() + '\n';
  return out;
}

} // namespace muster::test
