#include "support/fake_engine.hpp"

#include "support/fake_engine_http.hpp"
#include "support/fake_engine_model.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <fnmatch.h>
#include <functional>
#include <list>
#include <mutex>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace muster::test {

using namespace engine_model;

namespace {

using kind = engine_fault_kind;

bool fits(const std::string& route, const engine_call& call) {
  return ::fnmatch(route.c_str(), (call.method + ' ' + call.path).c_str(), 0) == 0;
}

/// One client.
struct connection {
  int socket = -1;
  std::string in;
  std::string out;
  std::optional<stream> streaming;
  bool waiting = false; ///< For `release()`: nothing more is read meanwhile.
  bool closing = false; ///< When `out` is sent.
  bool greeted = false; ///< It has its `100 Continue`.
  std::uint64_t id = 0;
};

/// A call that waits for `release()`.
struct held_call {
  std::uint64_t connection = 0;
  std::optional<engine_call> call; ///< To be served yet.
  std::string answer;              ///< Else: to be sent yet.
};

struct armed_fault {
  engine_fault fault;
  int seen = 0;
};

} // namespace

struct fake_engine::server {
  server();
  ~server();
  void run();
  void wake() const;
  void listen();
  void take_clients();
  void go_on_all();
  /// False when it is to be closed.
  bool serve(connection& client, short events);
  bool read(connection& client);
  bool take_call(connection& client);
  bool respond(connection& client, const engine_call& call, const std::string& version);
  void send_reply(connection& client, const reply& what);
  void go_on(connection& client);
  static bool flush(connection& client);
  std::optional<engine_fault> fault_of(const engine_call& call, bool unread);
  bool faulty(connection& client, const engine_call& call, const engine_fault& fault);
  void release_held();
  /// Does something, and lets all streams see it.
  void change(const std::function<void(model&)>& what);
  std::vector<engine_call> calls(const std::string& route) const;

  temporary_folder folder;
  std::filesystem::path path;
  mutable std::mutex mutex;
  mutable std::condition_variable called;
  model now;
  model remembered;
  std::vector<engine_call> log;
  std::vector<armed_fault> faults;
  std::vector<held_call> held;
  std::list<connection> clients;
  std::uint64_t connections = 0;
  bool releasing = false;
  bool dropping_events = false;
  bool away = false;
  bool ending = false;
  int listener = -1;
  int bell = -1;
  std::thread thread;
};

fake_engine::server::server() : path(folder.path() / "docker.sock"), bell(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  listen();
  thread = std::thread([this] { run(); });
}

fake_engine::server::~server() {
  {
    const std::lock_guard lock(mutex);
    ending = true;
    wake();
  }
  thread.join();
  for (const auto& client : clients)
    ::close(client.socket);
  if (listener >= 0)
    ::close(listener);
  ::close(bell);
}

void fake_engine::server::wake() const {
  const std::uint64_t one = 1;
  while (::write(bell, &one, sizeof(one)) < 0 && errno == EINTR) { // Full means it is awake.
  }
}

void fake_engine::server::listen() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(address.sun_path))
    throw std::runtime_error("the path of the fake Engine's socket is too long: " + path.string());
  std::memcpy(address.sun_path, path.c_str(), path.native().size() + 1);
  ::unlink(path.c_str());
  listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener, 512) != 0)
    throw std::runtime_error("the fake Engine cannot listen at " + path.string());
}

void fake_engine::server::run() {
  std::unique_lock lock(mutex);
  while (!ending) {
    std::vector<pollfd> watched{{bell, POLLIN, 0}, {listener, POLLIN, 0}};
    for (const auto& client : clients)
      watched.push_back({client.socket, static_cast<short>(client.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
    const auto known_clients = clients.size();
    lock.unlock();
    ::poll(watched.data(), watched.size(), -1);
    lock.lock();
    std::uint64_t rings = 0;
    while (::read(bell, &rings, sizeof(rings)) < 0 && errno == EINTR) { // Empty: nobody rang.
    }
    auto client = clients.begin();
    for (std::size_t i = 0; i < known_clients && client != clients.end(); ++i) {
      const bool lost = away || !serve(*client, watched[i + 2].revents);
      if (lost)
        ::close(client->socket);
      client = lost ? clients.erase(client) : std::next(client);
    }
    if (std::exchange(releasing, false))
      release_held();
    go_on_all();
    take_clients();
  }
}

void fake_engine::server::take_clients() {
  if (away && listener >= 0) {
    ::close(listener);
    ::unlink(path.c_str());
    listener = -1;
  } else if (!away && listener < 0) {
    listen();
  }
  for (int got = -1;
       listener >= 0 && (got = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
    connection it;
    it.socket = got;
    it.id = ++connections;
    clients.push_back(std::move(it));
  }
  called.notify_all();
}

bool fake_engine::server::serve(connection& client, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !read(client))
    return false;
  while (!client.waiting && !client.streaming && !client.closing) {
    const auto before = client.in.size();
    if (!take_call(client))
      return false;
    if (client.in.size() == before)
      break;
  }
  return true;
}

/// After all calls of a round, so that each stream sees what any of them did.
void fake_engine::server::go_on_all() {
  for (auto client = clients.begin(); client != clients.end();) {
    const bool streamed = client->streaming.has_value();
    go_on(*client);
    const bool lost = !flush(*client);
    if (lost)
      ::close(client->socket);
    else if (streamed && !client->streaming && !client->in.empty())
      wake(); // What was sent behind the call that streamed.
    client = lost ? clients.erase(client) : std::next(client);
  }
  dropping_events = false;
}

bool fake_engine::server::read(connection& client) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const auto got = ::recv(client.socket, buffer.data(), buffer.size(), 0);
    if (got == 0)
      return false;
    if (got < 0)
      return errno == EAGAIN || errno == EINTR;
    client.in.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

/// Serves the next call if it is there in whole.
bool fake_engine::server::take_call(connection& client) {
  const auto end = client.in.find("\r\n\r\n");
  if (end == std::string::npos)
    return true;
  engine_call call;
  std::string version;
  if (!parse_head(client.in.substr(0, end), call, version))
    return false;
  if (fault_of(call, true)) {
    log.push_back(std::move(call));
    called.notify_all();
    return false;
  }
  if (!client.greeted && call.headers.count("expect") != 0) {
    client.out += "HTTP/1.1 100 Continue\r\n\r\n";
    client.greeted = true;
  }
  if (!take_body(client.in, end + 4, call))
    return true;
  client.greeted = false;
  return respond(client, call, version);
}

bool fake_engine::server::respond(connection& client, const engine_call& call, const std::string& version) {
  log.push_back(call);
  called.notify_all();
  const auto minor = [](const std::string& x) { return std::strtol(x.substr(x.find('.') + 1).c_str(), nullptr, 10); };
  if (!version.empty() && minor(version) > minor(now.api_version)) {
    const auto message =
        "client version " + version + " is too new. Maximum supported API version is " + now.api_version;
    send_reply(client, {400, json{{"message", message}}.dump(), "application/json", {}});
    return true;
  }
  if (const auto fault = fault_of(call, false))
    return faulty(client, call, *fault);
  send_reply(client, now.handle(call));
  return true;
}

void fake_engine::server::change(const std::function<void(model&)>& what) {
  const std::lock_guard lock(mutex);
  what(now);
  wake();
}

std::vector<engine_call> fake_engine::server::calls(const std::string& route) const {
  std::vector<engine_call> out;
  std::copy_if(log.begin(), log.end(), std::back_inserter(out), [&](const auto& x) { return fits(route, x); });
  return out;
}

/// The fault that hits this call; each call is counted once by each fault of its route, when its head is there or when
/// its body is.
std::optional<engine_fault> fake_engine::server::fault_of(const engine_call& call, bool unread) {
  std::optional<engine_fault> hit;
  for (auto& [fault, seen] : faults) {
    if ((fault.what == kind::close_unread) != unread || !fits(fault.route, call))
      continue;
    ++seen;
    if (!hit && seen >= fault.nth && (fault.times < 0 || seen < fault.nth + fault.times))
      hit = fault;
  }
  return hit;
}

bool fake_engine::server::faulty(connection& client, const engine_call& call, const engine_fault& fault) {
  const auto refused = [&] {
    send_reply(client, {fault.status, fault.body, fault.body.empty() ? "" : "application/json", {}});
    return true;
  };
  // An answer that goes on cannot be cut in half by its length: its head is all that comes.
  const auto done = [&](std::size_t more = 0) {
    const auto what = now.handle(call);
    return what.goes_on ? head_of(what.status, what.type, "Transfer-Encoding: chunked\r\n", now.api_version)
                        : whole(what, now.api_version, more);
  };
  switch (fault.what) {
    case kind::hold:
      client.waiting = true;
      held.push_back({client.id, call, {}});
      return true;
    case kind::hold_answer:
      client.waiting = true;
      held.push_back({client.id, {}, done()});
      return true;
    case kind::refuse: return refused();
    case kind::do_and_refuse: done(); return refused();
    case kind::close_unread:
    case kind::close: return false;
    case kind::do_and_close: done(); return false;
    case kind::do_and_answer_half: {
      const auto answer = done();
      client.out += answer.substr(0, answer.size() - std::min<std::size_t>(answer.size() / 2, 10));
      client.closing = true;
      return true;
    }
    case kind::garbage:
      client.out += "\x16\x03\x01 this is no answer\r\n\r\n";
      client.closing = true;
      return true;
    case kind::garbage_body: send_reply(client, {200, "<html>{\"Id\":</html>", "application/json", {}}); return true;
    case kind::too_long:
      client.out += done(10);
      client.closing = true;
      return true;
    case kind::stale: send_reply(client, remembered.handle(call)); return true;
  }
  return true;
}

void fake_engine::server::send_reply(connection& client, const reply& what) {
  if (!what.goes_on) {
    client.out += whole(what, now.api_version);
    return;
  }
  client.out += head_of(what.status, what.type, "Transfer-Encoding: chunked\r\n", now.api_version);
  client.streaming = what.goes_on;
}

/// Sends what a stream has to say by now.
void fake_engine::server::go_on(connection& client) {
  if (!client.streaming)
    return;
  if (dropping_events && client.streaming->what == stream::kind::events) {
    client.streaming.reset();
    client.closing = true;
    return;
  }
  const auto part = now.next(*client.streaming);
  client.out += chunk(part.bytes);
  if (part.last) {
    client.out += "0\r\n\r\n";
    client.streaming.reset();
  }
}

bool fake_engine::server::flush(connection& client) {
  while (!client.out.empty()) {
    const auto sent = ::send(client.socket, client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (sent < 0)
      return errno == EAGAIN || errno == EINTR;
    client.out.erase(0, static_cast<std::size_t>(sent));
  }
  return !client.closing;
}

void fake_engine::server::release_held() {
  const auto waiting = std::exchange(held, {});
  for (const auto& it : waiting) {
    const auto client =
        std::find_if(clients.begin(), clients.end(), [&](const auto& x) { return x.id == it.connection; });
    const auto what = it.call ? now.handle(*it.call) : reply{};
    if (client == clients.end())
      continue;
    client->waiting = false;
    if (it.call)
      send_reply(*client, what);
    else
      client->out += it.answer;
  }
  // The next round sends it, and reads what came meanwhile.
  wake();
}

// -- the face

fake_engine::fake_engine() : server_(std::make_unique<server>()) {}
fake_engine::~fake_engine() = default;

const std::filesystem::path& fake_engine::socket() const noexcept {
  return server_->path;
}

void fake_engine::add_image(const std::string& name, bool present) {
  server_->change([&](model& now) { now.images[name] = present; });
}

void fake_engine::fail_pull(const std::string& name, int status, const std::string& message) {
  server_->change([&](model& now) { now.failing_pulls[name] = {status, message}; });
}

void fake_engine::script(const std::string& name, const engine_script& what) {
  server_->change([&](model& now) { now.scripts.emplace_back(name, what); });
}

void fake_engine::finish(const std::string& container, int exit_code, bool oom) {
  server_->change([&](model& now) { now.finish(now.get(container), exit_code, oom); });
}

void fake_engine::tell_of_memory(const std::string& container, bool in_state) {
  server_->change([&](model& now) { now.tell_of_memory(now.get(container), in_state); });
}

void fake_engine::write_log(const std::string& container, const std::string& line, bool to_stderr, std::int64_t time) {
  server_->change([&](model& now) { now.write(now.get(container), line, to_stderr, time); });
}

void fake_engine::set_archive(const std::string& container, const std::string& path, const std::string& tar) {
  server_->change([&](model& now) { now.get(container).archives[path] = tar; });
}

void fake_engine::remove_outside(const std::string& container) {
  server_->change([&](model& now) {
    const auto id = now.get(container).facts.id;
    now.finish(now.get(container), 137, false);
    now.remove(id);
  });
}

void fake_engine::set_api_version(const std::string& version) {
  server_->change([&](model& now) { now.api_version = version; });
}

void fake_engine::inject(const engine_fault& fault) {
  server_->change([&](model&) { server_->faults.push_back({fault, 0}); });
}

void fake_engine::release() {
  server_->change([&](model&) { server_->releasing = true; });
}

void fake_engine::remember() {
  server_->change([&](model& now) { server_->remembered = now; });
}

void fake_engine::drop_event_streams() {
  server_->change([&](model&) { server_->dropping_events = true; });
}

void fake_engine::repeat_events(int times) {
  server_->change([&](model& now) { now.repeat_events = times; });
}

void fake_engine::go_away(bool live_restore) {
  server_->change([&](model& now) {
    server_->away = true;
    now.events.clear();
    if (!live_restore)
      now.end_all();
  });
  std::unique_lock lock(server_->mutex);
  server_->called.wait(lock, [&] { return server_->listener < 0; });
}

void fake_engine::come_back() {
  server_->change([&](model&) { server_->away = false; });
  std::unique_lock lock(server_->mutex);
  server_->called.wait(lock, [&] { return server_->listener >= 0; });
}

void fake_engine::forget_start(const std::string& container) {
  server_->change([&](model& now) { model::forget_start(now.get(container)); });
}

std::vector<engine_call> fake_engine::calls(const std::string& route) const {
  const std::lock_guard lock(server_->mutex);
  return server_->calls(route);
}

bool fake_engine::wait_for_calls(const std::string& route, std::size_t times,
                                 std::chrono::milliseconds deadline) const {
  std::unique_lock lock(server_->mutex);
  return server_->called.wait_for(lock, deadline, [&] { return server_->calls(route).size() >= times; });
}

int fake_engine::times_created(const std::string& name) const {
  const std::lock_guard lock(server_->mutex);
  const auto found = server_->now.created.find(name);
  return found == server_->now.created.end() ? 0 : found->second;
}

int fake_engine::times_started(const std::string& name) const {
  const std::lock_guard lock(server_->mutex);
  const auto found = server_->now.started.find(name);
  return found == server_->now.started.end() ? 0 : found->second;
}

std::vector<engine_container> fake_engine::containers() const {
  const std::lock_guard lock(server_->mutex);
  std::vector<engine_container> out;
  for (const auto& [id, it] : server_->now.containers)
    out.push_back(it.facts);
  return out;
}

std::optional<engine_container> fake_engine::container(const std::string& name_or_id) const {
  const std::lock_guard lock(server_->mutex);
  const auto* found = server_->now.find(name_or_id);
  return found == nullptr ? std::nullopt : std::optional(found->facts);
}

std::vector<std::string> fake_engine::networks() const {
  const std::lock_guard lock(server_->mutex);
  std::vector<std::string> out;
  for (const auto& [name, it] : server_->now.networks)
    out.push_back(name);
  return out;
}

std::size_t fake_engine::open_streams() const {
  const std::lock_guard lock(server_->mutex);
  return static_cast<std::size_t>(std::count_if(server_->clients.begin(), server_->clients.end(),
                                                [](const auto& x) { return x.streaming.has_value(); }));
}

} // namespace muster::test
