// What the HTTP server costs: requests per second beside a bare epoll loop that understands nothing, and memory of
// streams that wait.
#include "gateway/http/server.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using namespace muster;
using clock_type = std::chrono::steady_clock;

constexpr std::string_view question = "GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view fixed_answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Resident memory of this process in KiB.
double resident_kib() {
  std::ifstream file("/proc/self/statm");
  double total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): as the socket interface is.
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  return socket;
}

bool ask(int socket) {
  std::array<char, 4096> answer{};
  return ::send(socket, question.data(), question.size(), MSG_NOSIGNAL) > 0 &&
         ::recv(socket, answer.data(), answer.size(), 0) > 0;
}

/// Requests per second of `clients` connections, each asking again as soon as it has its answer.
double requests_per_second(std::uint16_t port, int clients, std::chrono::milliseconds length) {
  std::atomic<std::uint64_t> answered{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(clients));
  const auto began = clock_type::now();
  for (int i = 0; i < clients; ++i)
    threads.emplace_back([&] {
      const int socket = connect_to(port);
      while (!stop && ask(socket))
        ++answered;
      ::close(socket);
    });
  std::this_thread::sleep_for(length);
  stop = true;
  for (auto& x : threads)
    x.join();
  return static_cast<double>(answered) / std::chrono::duration<double>(clock_type::now() - began).count();
}

/// Answers whatever it is sent with the same bytes: what the kernel and the clients cost.
class bare_loop {
public:
  bare_loop() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast)
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&here), size) != 0 || ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &size) != 0)
      std::abort();
    // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
    port = ntohs(here.sin_port);
    watch(listener_);
    thread_ = std::thread([this] { run(); });
  }
  ~bare_loop() {
    stop_ = true;
    ::close(connect_to(port)); // So that it looks.
    thread_.join();
    ::close(listener_);
    ::close(poll_);
  }
  bare_loop(const bare_loop&) = delete;
  bare_loop& operator=(const bare_loop&) = delete;

  std::uint16_t port = 0;

private:
  void watch(int socket) const {
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.fd = socket;
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &wanted);
  }
  void run() {
    std::array<epoll_event, 64> events{};
    std::array<char, 4096> bytes{};
    while (!stop_) {
      const int count = ::epoll_wait(poll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int socket = events.at(static_cast<std::size_t>(i)).data.fd;
        if (socket == listener_)
          watch(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
        else if (::recv(socket, bytes.data(), bytes.size(), 0) <= 0)
          ::close(socket);
        else
          ::send(socket, fixed_answer.data(), fixed_answer.size(), MSG_NOSIGNAL);
      }
    }
  }

  int listener_;
  int poll_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Says nothing for ever.
class silent final : public http::body_stream {
public:
  void start(http::waker /*wake*/) override {}
  next produce(std::string& /*out*/, std::size_t /*room*/) override { return next::wait; }
};

http::response answer(http::request& x) {
  http::response out;
  if (x.path == "/stream")
    out.stream = std::make_unique<silent>();
  else
    out.body = "ok";
  return out;
}

} // namespace

int main(int count, char** arguments) {
  const int streams = count > 1 ? std::atoi(arguments[1]) : 1'000;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  http::server_config config;
  config.connections = config.connections_per_peer = 100'000;
  auto started = http::server::start(config, answer);
  if (!started) {
    std::fprintf(stderr, "%s\n", started.failure().message.c_str());
    return 1;
  }
  const auto server = *std::move(started);
  constexpr std::chrono::milliseconds length{2'000};
  for (const int clients : {1, 8}) {
    const bare_loop bare;
    const auto floor = requests_per_second(bare.port, clients, length);
    const auto ours = requests_per_second(server->port(), clients, length);
    std::printf("%d connections: %.0f requests/s, the bare loop %.0f, %.2f of it\n", clients, ours, floor,
                ours / floor);
  }

  std::vector<int> sockets;
  const auto before = resident_kib();
  for (int i = 0; i < streams; ++i) {
    sockets.push_back(connect_to(server->port()));
    constexpr std::string_view text = "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::array<char, 4096> head{};
    if (::send(sockets.back(), text.data(), text.size(), MSG_NOSIGNAL) <= 0 ||
        ::recv(sockets.back(), head.data(), head.size(), 0) <= 0)
      return 1;
  }
  std::printf("%d streams that wait: %.1f KiB each\n", streams, (resident_kib() - before) / streams);
  std::printf("beside them: %.0f requests/s\n", requests_per_second(server->port(), 8, length));
  for (const int x : sockets)
    ::close(x);
  return 0;
}
