// How fast committed events reach subscribers over HTTP, and what subscribers cost.
//   events_bench [EVENTS] [FOLDER]      FOLDER decides which disk is measured (default: the temporary folder)
// The floor of the deliveries is one thread that writes the same bytes to as many bare sockets.
#include "arguments.hpp"
#include "gateway/api/services.hpp"
#include "gateway/events/feed.hpp"
#include "gateway/events/routes.hpp"
#include "gateway/http/server.hpp"
#include "measure.hpp"
#include "muster/store/writer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace muster;
using steady = std::chrono::steady_clock;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "events_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(result<T> x) {
  if (!x)
    give_up(x.failure().message);
  return std::move(*x);
}
void must(const result<void>& x) {
  if (!x)
    give_up(x.failure().message);
}

double seconds_since(steady::time_point start) {
  return std::chrono::duration<double>(steady::now() - start).count();
}

std::size_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  std::size_t whole = 0;
  std::size_t resident = 0;
  in >> whole >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Connections that one thread reads; counts the events that came over all of them.
class readers {
public:
  readers() : poll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  ~readers() {
    stopping_ = true;
    if (thread_.joinable())
      thread_.join();
    for (const auto& x : all_)
      ::close(x->socket);
    ::close(poll_);
  }
  readers(const readers&) = delete;
  readers& operator=(const readers&) = delete;

  void add(int socket) {
    all_.push_back(std::make_unique<one>(one{socket, 0}));
    epoll_event x{};
    x.events = EPOLLIN;
    x.data.ptr = all_.back().get();
    ::epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &x);
  }

  void start() {
    thread_ = std::thread{[this] { run(); }};
  }

  /// Called with the time when an event came.
  std::function<void(steady::time_point)> on_event;

  /// Waits until so many came since the start.
  void wait(std::uint64_t count) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, std::chrono::seconds{300}, [&] { return events_ >= count; }))
      give_up("events did not come");
  }

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

private:
  struct one {
    int socket;
    std::size_t matched; ///< Of the mark, across reads.
  };

  void run() {
    static constexpr std::string_view mark = "\ndata: {\"seq\":"; // Bookmarks look alike, but there are none here.
    std::vector<char> buffer(256 * 1024);
    std::array<epoll_event, 64> ready{};
    while (!stopping_) {
      const int count = ::epoll_wait(poll_, ready.data(), static_cast<int>(ready.size()), 100);
      for (int i = 0; i < count; ++i) {
        auto& x = *static_cast<one*>(ready[static_cast<std::size_t>(i)].data.ptr);
        const auto got = ::recv(x.socket, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
          ::epoll_ctl(poll_, EPOLL_CTL_DEL, x.socket, nullptr);
          continue;
        }
        const auto now = steady::now();
        bytes_ += static_cast<std::uint64_t>(got);
        const auto found = count_marks(x, {buffer.data(), static_cast<std::size_t>(got)}, mark);
        if (found == 0)
          continue;
        if (on_event)
          for (std::uint64_t n = 0; n < found; ++n)
            on_event(now);
        const std::lock_guard lock{mutex_};
        events_ += found;
        changed_.notify_all();
      }
    }
  }

  static std::uint64_t count_marks(one& x, std::string_view text, std::string_view mark) {
    std::uint64_t found = 0;
    std::size_t at = 0;
    // What began in the read before.
    while (x.matched != 0 && at < text.size()) {
      if (text[at] == mark[x.matched]) {
        ++at;
        if (++x.matched == mark.size()) {
          ++found;
          x.matched = 0;
        }
      } else {
        x.matched = 0;
      }
    }
    for (;;) {
      const auto next = text.find(mark, at);
      if (next == std::string_view::npos)
        break;
      ++found;
      at = next + mark.size();
    }
    const auto tail = std::min(mark.size() - 1, text.size() - at);
    for (auto size = tail; size > 0; --size)
      if (text.substr(text.size() - size) == mark.substr(0, size)) {
        x.matched = size;
        break;
      }
    return found;
  }

  int poll_;
  std::vector<std::unique_ptr<one>> all_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t events_ = 0;
  std::thread thread_;
};

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(port);
  if (socket < 0 || ::connect(socket, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
    give_up("cannot connect");
  return socket;
}

int subscribe(std::uint16_t port, const std::string& query) {
  const int socket = connect_to(port);
  const std::string request =
      "GET /v1/events" + query + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
  if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    give_up("cannot send");
  return socket;
}

/// A log, its feed and a server.
struct head {
  explicit head(const std::string& folder) : directory{folder}, writer{must(store::writer::open(directory))} {
    store::submission s;
    s.time = timestamp{duration{1}};
    s.name = "bench";
    s.spec_text = "workflow: {}";
    s.groups.push_back({"train-group", true, true, {}, status::waiting});
    s.tasks.push_back({"train", {0}, true, "{}", "{}", status::waiting});
    flow = must(writer.submit(s)).key;
    must(writer.commit());
    restart();
  }

  /// A server with nothing in memory.
  void restart() {
    server.reset();
    routes = {};
    with = std::make_shared<gateway::services>(directory);
    with->feed = must(gateway::event_feed::start({directory}));
    gateway::add_event_routes(routes, with);
    http::server_config config;
    config.connections = 8192;
    config.connections_per_peer = 8192;
    config.queue = 4096;
    server = must(http::server::start(config, [this](http::request& x) { return routes.route(x); }));
  }

  void commit(std::size_t count) {
    std::vector<event> batch(count);
    for (auto& x : batch) {
      x.type = event_type::workflow_resumed;
      x.workflow = flow;
      x.time = timestamp{duration{1'700'000'000'000'000}};
      x.text = "taken up again after a restart of the head";
    }
    must(writer.append(batch));
    must(writer.commit());
    with->feed->notify();
  }

  store::state_directory directory;
  store::writer writer;
  workflow_key flow;
  std::shared_ptr<gateway::services> with;
  http::router routes;
  std::unique_ptr<http::server> server;
};

/// All at full rate: from the first commit to the last delivery.
void measure_rate(head& h, std::size_t events, std::size_t subscribers) {
  readers all;
  const auto from = "?after=" + std::to_string(h.writer.latest().value);
  for (std::size_t i = 0; i < subscribers; ++i)
    all.add(subscribe(h.server->port(), from));
  all.start();
  constexpr std::size_t batch = 1000;
  const auto begun = steady::now();
  for (std::size_t done = 0; done < events; done += batch)
    h.commit(std::min(batch, events - done));
  const auto committed = seconds_since(begun);
  all.wait(static_cast<std::uint64_t>(events) * subscribers);
  const auto delivered = seconds_since(begun);
  std::printf("%4zu subscribers: %9.0f events/s committed, %10.0f deliveries/s, %6.0f MB/s, %5.1f s\n", subscribers,
              static_cast<double>(events) / committed,
              static_cast<double>(events) * static_cast<double>(subscribers) / delivered,
              static_cast<double>(all.bytes()) / delivered / 1e6, delivered);
}

/// Back after a while: everything is read from the log, by each of them, until they are in time again.
void measure_behind(head& h, std::size_t events, std::size_t subscribers) {
  const auto from = "?after=" + std::to_string(h.writer.latest().value);
  constexpr std::size_t batch = 1000;
  for (std::size_t done = 0; done < events; done += batch)
    h.commit(std::min(batch, events - done));
  h.restart();
  readers all;
  const auto begun = steady::now();
  for (std::size_t i = 0; i < subscribers; ++i)
    all.add(subscribe(h.server->port(), from));
  all.start();
  all.wait(static_cast<std::uint64_t>(events) * subscribers);
  const auto took = seconds_since(begun);
  std::printf("%4zu subscribers that were away: %29.0f deliveries/s, %6.0f MB/s, %5.1f s\n", subscribers,
              static_cast<double>(events) * static_cast<double>(subscribers) / took,
              static_cast<double>(all.bytes()) / took / 1e6, took);
}

/// The same bytes over bare sockets, without a log.
void measure_floor(std::size_t events, std::size_t subscribers) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&where), size) != 0 || ::listen(listener, 128) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&where), &size) != 0)
    give_up("cannot listen");
  readers all;
  std::vector<int> out;
  for (std::size_t i = 0; i < subscribers; ++i) {
    all.add(connect_to(ntohs(where.sin_port)));
    out.push_back(::accept(listener, nullptr, nullptr));
  }
  all.start();
  std::string piece;
  constexpr std::size_t batch = 250; // About what a stream is given at a time.
  for (std::size_t i = 0; i < batch; ++i)
    piece +=
        "id: 123456\nevent: workflow.resumed\ndata: {\"seq\":123456,\"time\":\"2023-11-14T22:13:20.000Z\","
        "\"type\":\"workflow.resumed\",\"workflow\":\"bench-1\",\"reason\":\"taken up again after a restart of the "
        "head\"}\n\n";
  const auto begun = steady::now();
  for (std::size_t done = 0; done < events; done += batch)
    for (const int socket : out)
      for (std::size_t sent = 0; sent < piece.size();) {
        const auto count = ::send(socket, piece.data() + sent, piece.size() - sent, MSG_NOSIGNAL);
        if (count <= 0)
          give_up("cannot send");
        sent += static_cast<std::size_t>(count);
      }
  all.wait(static_cast<std::uint64_t>(events) * subscribers);
  const auto took = seconds_since(begun);
  std::printf("%4zu bare sockets: %42.0f deliveries/s, %6.0f MB/s, %5.1f s\n", subscribers,
              static_cast<double>(events) * static_cast<double>(subscribers) / took,
              static_cast<double>(all.bytes()) / took / 1e6, took);
  for (const int socket : out)
    ::close(socket);
  ::close(listener);
}

double percentile(std::vector<double>& x, double p) {
  std::sort(x.begin(), x.end());
  return x.empty() ? 0 : x[static_cast<std::size_t>(p * static_cast<double>(x.size() - 1))];
}

/// One event a commit: from when it is durable to when each subscriber has it.
void measure_latency(head& h, std::size_t rounds, std::size_t subscribers) {
  readers all;
  std::mutex mutex;
  std::vector<double> taken;
  steady::time_point committed;
  all.on_event = [&](steady::time_point came) {
    const std::lock_guard lock{mutex};
    taken.push_back(std::chrono::duration<double>(came - committed).count());
  };
  const auto from = "?after=" + std::to_string(h.writer.latest().value);
  for (std::size_t i = 0; i < subscribers; ++i)
    all.add(subscribe(h.server->port(), from));
  all.start();
  h.commit(1); // All are there.
  all.wait(subscribers);
  {
    const std::lock_guard lock{mutex};
    taken.clear();
  }
  for (std::size_t i = 1; i <= rounds; ++i) {
    std::vector<event> one(1);
    one[0].type = event_type::workflow_resumed;
    one[0].workflow = h.flow;
    must(h.writer.append(one));
    must(h.writer.commit());
    {
      const std::lock_guard lock{mutex};
      committed = steady::now();
    }
    h.with->feed->notify();
    all.wait((i + 1) * subscribers);
  }
  const std::lock_guard lock{mutex};
  const auto p50 = percentile(taken, 0.5);
  const auto p99 = percentile(taken, 0.99);
  std::printf("%4zu subscribers: commit to delivery p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", subscribers, p50 * 1e3,
              p99 * 1e3, taken.back() * 1e3);
}

/// Subscribers that get nothing: memory, both ends of each connection but the kernel's part.
void measure_idle(head& h, std::size_t subscribers) {
  readers all;
  const auto before = resident_bytes();
  for (std::size_t i = 0; i < subscribers; ++i)
    all.add(subscribe(h.server->port(), "?from=now&type=workflow.deleted"));
  while (h.with->feed->figures().subscribers < subscribers)
    std::this_thread::yield();
  const auto memory = resident_bytes() - before;
  std::printf("%4zu idle subscribers: %.1f KiB each\n", subscribers,
              static_cast<double>(memory) / 1024 / static_cast<double>(subscribers));
  const auto begun = steady::now();
  constexpr std::size_t events = 100'000;
  constexpr std::size_t batch = 1000;
  for (std::size_t done = 0; done < events; done += batch)
    h.commit(batch);
  while (h.with->feed->head() < h.writer.latest())
    std::this_thread::yield();
  std::printf("%4zu idle subscribers: %9.0f events/s pass them by\n", subscribers,
              static_cast<double>(events) / seconds_since(begun));
}

} // namespace

int main(int argc, char** argv) {
  int events = 100'000;
  bench::scratch_folder scratch;
  auto folder = scratch.path();
  bench::take_arguments(
      argc, argv, "What it costs to follow events",
      {{"EVENTS", "to measure the rate with", &events}, {"FOLDER", "on the disk that is measured", &folder}});
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  head h{folder + "/state"};
  measure_idle(h, 1000);
  measure_latency(h, 300, 1);
  measure_latency(h, 300, 50);
  measure_rate(h, events, 1);
  measure_rate(h, events, 50);
  measure_behind(h, events, 50);
  measure_floor(events, 50);
  return 0;
}
