#include "executors/docker/engine/loop.hpp"

#include "executors/docker/engine/transfer.hpp"
#include "muster/base/posix.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace muster::docker {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::size_t spare_handles = 32;

struct multi_deleter {
  void operator()(CURLM* multi) const noexcept { curl().multi_cleanup(multi); }
};

/// Signals are for the threads that know what to do with them; SIGPIPE of OpenSSL is for nobody.
void block_signals() {
  sigset_t all{};
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

/// A descriptor that the loop cannot do without.
unique_fd needed(int fd, const char* what) {
  if (fd < 0)
    throw std::system_error(errno, std::generic_category(), what);
  return unique_fd(fd);
}

} // namespace

/// What runs on the thread. `transfer` is one call; handles of calls that are over are used again.
class loop::impl {
public:
  explicit impl(std::size_t idle_connections)
      : idle_connections_(idle_connections), epoll_(needed(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        wake_(needed(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
    watch(wake_.get(), EPOLLIN);
    thread_ = std::thread([this] { run(); });
  }

  ~impl() {
    ends_.store(true);
    wake();
    thread_.join();
  }

  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(std::move(work));
    }
    wake();
  }

  timer_id after(std::chrono::milliseconds delay, std::function<void()> work) {
    const timer_id id{++last_id_};
    const auto due = steady::now() + delay;
    timers_.emplace(std::pair(due, id), std::move(work));
    due_.emplace(id, due);
    return id;
  }

  void cancel(timer_id id) {
    const auto it = due_.find(id);
    if (it == due_.end())
      return;
    timers_.erase({it->second, id});
    due_.erase(it);
  }

  call_id send(http_request request, http_handlers handlers) {
    const call_id id{++last_id_};
    calls_.emplace(id, std::make_unique<transfer>(id, std::move(request), std::move(handlers)));
    begun_.push_back(id);
    return id;
  }

  void cancel(call_id id) {
    const auto it = calls_.find(id);
    if (it == calls_.end())
      return;
    it->second->cancel();
    dropped_.push_back(std::move(it->second));
    calls_.erase(it);
  }

  void pause(call_id id) {
    if (const auto it = calls_.find(id); it != calls_.end())
      it->second->pause();
  }

  void resume(call_id id) {
    if (const auto it = calls_.find(id); it != calls_.end() && it->second->want_resume())
      resumed_.push_back(id);
  }

  [[nodiscard]] bool in_flight(call_id id) const { return calls_.count(id) > 0; }
  [[nodiscard]] std::size_t calls() const noexcept { return calls_.size(); }
  [[nodiscard]] bool on_thread() const noexcept { return std::this_thread::get_id() == running_as_.load(); }

private:
  static int on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* known) {
    static_cast<impl*>(self)->watch_for_curl(fd, what, known != nullptr);
    return 0;
  }

  static int on_timer(CURLM* /*multi*/, long delay_ms, void* self) {
    auto& due = static_cast<impl*>(self)->curl_due_;
    if (delay_ms < 0)
      due.reset();
    else
      due = steady::now() + std::chrono::milliseconds(delay_ms);
    return 0;
  }

  void wake() noexcept {
    const std::uint64_t one = 1;
    while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) { // full means it is awake
    }
  }

  void watch(int fd, std::uint32_t events) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void watch_for_curl(curl_socket_t fd, int what, bool known) {
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
      return;
    }
    watch(fd, ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U));
    if (!known)
      curl().multi_assign(multi_.get(), fd, this);
  }

  void run() {
    running_as_.store(std::this_thread::get_id());
    block_signals();
    while (!ends_.load()) {
      run_posted();
      run_timers();
      apply();
      await();
      collect();
    }
    for (auto& [id, call] : calls_)
      call->cancel();
    for (auto& [id, call] : calls_)
      retire(*call);
    calls_.clear();
    for (auto& call : dropped_)
      retire(*call);
    dropped_.clear();
    timers_.clear();
    spares_.clear();
    const auto left = take_posted();
  }

  [[nodiscard]] std::vector<std::function<void()>> take_posted() {
    const std::lock_guard lock(mutex_);
    return std::exchange(inbox_, {});
  }

  void run_posted() {
    auto work = take_posted();
    for (auto& piece : work)
      if (!ends_.load())
        std::exchange(piece, nullptr)();
  }

  void run_timers() {
    const auto now = steady::now();
    while (!timers_.empty() && timers_.begin()->first.first <= now && !ends_.load()) {
      auto node = timers_.extract(timers_.begin());
      due_.erase(node.key().second);
      node.mapped()();
    }
  }

  /// What handlers asked for. libcurl forbids some of it within its own callbacks, so all of it is done here.
  void apply() {
    for (auto& call : std::exchange(dropped_, {}))
      retire(*call);
    for (const auto id : std::exchange(begun_, {}))
      if (const auto it = calls_.find(id); it != calls_.end())
        begin(*it->second);
    for (const auto id : std::exchange(resumed_, {}))
      if (const auto it = calls_.find(id); it != calls_.end())
        it->second->resume();
  }

  /// Before the first call there is no libcurl. False if there is none at all.
  bool make_multi() {
    if (multi_ || !curl().problem.empty())
      return multi_ != nullptr;
    multi_.reset(curl().multi_init());
    if (!multi_)
      return false;
    curl().multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &impl::on_socket);
    curl().multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl().multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &impl::on_timer);
    curl().multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    return true;
  }

  void begin(transfer& call) {
    if (!make_multi()) {
      finish(call.id(), CURLE_FAILED_INIT);
      return;
    }
    auto handle = spares_.empty() ? easy_handle(curl().easy_init()) : std::move(spares_.back());
    if (!spares_.empty())
      spares_.pop_back();
    bound_connections();
    if (handle && call.begin(std::move(handle), multi_.get()))
      watch_silence(call);
    else
      finish(call.id(), CURLE_BAD_FUNCTION_ARGUMENT);
  }

  /// libcurl counts connections that are in use too.
  void bound_connections() {
    curl().multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(calls_.size() + idle_connections_));
  }

  void watch_silence(transfer& call) {
    const auto idle = call.idle_limit();
    if (idle.count() == 0)
      return;
    call.silence_timer = after(call.silence_left(), [this, id = call.id()] {
      const auto it = calls_.find(id);
      if (it == calls_.end())
        return;
      if (it->second->silence_left().count() > 0)
        watch_silence(*it->second);
      else
        finish(id, CURLE_OPERATION_TIMEDOUT);
    });
  }

  void await() {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience());
    int running = 0;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == wake_.get()) {
        std::uint64_t ignored = 0;
        while (::read(wake_.get(), &ignored, sizeof ignored) < 0 && errno == EINTR) {
        }
        continue;
      }
      const int mask = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                       ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      curl().multi_socket_action(multi_.get(), event.data.fd, mask, &running);
    }
    if (curl_due_ && *curl_due_ <= steady::now()) {
      curl_due_.reset();
      curl().multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
    }
  }

  /// Milliseconds until something is due; -1: nothing is.
  [[nodiscard]] int patience() const {
    auto due = curl_due_;
    if (!timers_.empty())
      due = due ? std::min(*due, timers_.begin()->first.first) : timers_.begin()->first.first;
    if (!begun_.empty() || !dropped_.empty() || !resumed_.empty())
      return 0;
    if (!due)
      return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - steady::now()).count();
    return static_cast<int>(std::clamp<decltype(left)>(left, 0, 60'000));
  }

  void collect() {
    if (!multi_)
      return;
    int left = 0;
    while (const auto* message = curl().multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      const auto code = message->data.result;
      if (const auto* call = transfer::of(message->easy_handle))
        finish(call->id(), code);
    }
  }

  /// Ends a call and tells whoever sent it. A call that was canceled is not in `calls_` any more.
  void finish(call_id id, CURLcode code) {
    const auto it = calls_.find(id);
    if (it == calls_.end())
      return;
    const auto call = std::move(it->second);
    calls_.erase(it);
    auto verdict = call->verdict(code);
    const auto done = call->take_done();
    retire(*call);
    if (done && !ends_.load())
      done(std::move(verdict));
  }

  void retire(transfer& call) {
    cancel(call.silence_timer);
    auto handle = call.end(multi_.get());
    if (handle && spares_.size() < spare_handles)
      spares_.push_back(std::move(handle));
  }

  const std::size_t idle_connections_;
  unique_fd epoll_;
  unique_fd wake_;
  std::unique_ptr<CURLM, multi_deleter> multi_;
  std::optional<steady::time_point> curl_due_;

  std::uint64_t last_id_ = 0;
  std::map<std::pair<steady::time_point, timer_id>, std::function<void()>> timers_;
  std::unordered_map<timer_id, steady::time_point> due_;
  std::unordered_map<call_id, std::unique_ptr<transfer>> calls_;
  std::vector<call_id> begun_;
  std::vector<call_id> resumed_;
  std::vector<std::unique_ptr<transfer>> dropped_; ///< Canceled; libcurl still knows them.
  std::vector<easy_handle> spares_;

  std::mutex mutex_;
  std::vector<std::function<void()>> inbox_;
  std::atomic<bool> ends_{false};
  std::atomic<std::thread::id> running_as_{};
  std::thread thread_;
};

loop::loop(std::size_t idle_connections) : impl_(std::make_unique<impl>(idle_connections)) {}
loop::~loop() = default;

void loop::post(std::function<void()> work) {
  impl_->post(std::move(work));
}

timer_id loop::after(std::chrono::milliseconds delay, std::function<void()> work) {
  return impl_->after(delay, std::move(work));
}

void loop::cancel(timer_id timer) {
  impl_->cancel(timer);
}

call_id loop::send(http_request request, http_handlers handlers) {
  return impl_->send(std::move(request), std::move(handlers));
}

void loop::cancel(call_id call) {
  impl_->cancel(call);
}

void loop::pause(call_id call) {
  impl_->pause(call);
}

void loop::resume(call_id call) {
  impl_->resume(call);
}

bool loop::in_flight(call_id call) const {
  return impl_->in_flight(call);
}

std::size_t loop::calls_in_flight() const {
  return impl_->calls();
}

bool loop::on_thread() const noexcept {
  return impl_->on_thread();
}

std::string encode_segment(std::string_view text, bool keep_slashes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || (c == '/' && keep_slashes);
    if (plain) {
      out.push_back(c);
      continue;
    }
    out.push_back('%');
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 15U]);
  }
  return out;
}

} // namespace muster::docker
