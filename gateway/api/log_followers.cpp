#include "gateway/api/log_followers.hpp"

#include "muster/base/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <utility>
#include <vector>

namespace muster::gateway {

namespace {

/// Between two rounds of waking: a task that writes without end costs a hundred of them a second.
constexpr int pause_ms = 10;
/// Taken from the kernel in one round.
constexpr std::size_t most_buffers = 16;

} // namespace

struct log_followers::place::shared_part {
  http::waker wake;
  std::filesystem::path file;
  watched state = watched::not_at_all; ///< This and the rest under the core's mutex.
  int number = -1;                     ///< Of the watch.
};

class log_followers::core {
public:
  using part = place::shared_part;
  using part_ptr = std::shared_ptr<part>;

  core() = default;

  ~core() {
    for (const int file : {changes_, stop_})
      if (file >= 0)
        ::close(file);
  }
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  /// Ends the thread.
  void stop() {
    {
      const std::lock_guard lock{mutex_};
      stopped_ = true;
    }
    if (!thread_.joinable())
      return;
    const std::uint64_t one = 1;
    static_cast<void>(::write(stop_, &one, sizeof one));
    thread_.join();
  }

  void leave(const part_ptr& x) {
    const std::lock_guard lock{mutex_};
    forget(*x);
  }

  watched watch(const part_ptr& x, const std::filesystem::path& file) {
    const std::lock_guard lock{mutex_};
    if (x->state == watched::file && x->file == file)
      return x->state;
    if (stopped_ || !begin())
      return watched::not_at_all;
    if (x->file != file)
      forget(*x);
    x->file = file;
    constexpr std::uint32_t grows = IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW;
    constexpr std::uint32_t comes = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
    if (add(x, file, grows, watched::file))
      return x->state;
    if (x->state != watched::folder && !add(x, file.parent_path(), comes, watched::folder))
      return watched::not_at_all;
    static_cast<void>(add(x, file, grows, watched::file)); // It may have come in between.
    return x->state;
  }

private:
  /// The thread begins with the first who watches, so that a program that follows nothing has none.
  bool begin() {
    if (thread_.joinable())
      return true;
    if (failed_)
      return false;
    changes_ = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    if (changes_ < 0 || stop_ < 0) {
      failed_ = true;
      log::warn("api", "the kernel tells nothing of files that grow (inotify), logs that are followed are looked at",
                {{"why", std::strerror(errno)}});
      return false;
    }
    thread_ = std::thread{[this] { run(); }};
    return true;
  }

  bool add(const part_ptr& x, const std::filesystem::path& what, std::uint32_t mask, watched as) {
    const int number = ::inotify_add_watch(changes_, what.c_str(), mask);
    if (number < 0)
      return false;
    forget(*x);
    x->number = number;
    x->state = as;
    watches_[number].push_back(x);
    return true;
  }

  /// Ends its watch.
  void forget(part& x) {
    const auto found = watches_.find(x.number);
    x.number = -1;
    x.state = watched::not_at_all;
    if (found == watches_.end())
      return;
    auto& all = found->second;
    all.erase(std::remove_if(all.begin(), all.end(), [&x](const part_ptr& y) { return y.get() == &x; }), all.end());
    if (!all.empty())
      return;
    ::inotify_rm_watch(changes_, found->first);
    watches_.erase(found);
  }

  void run() {
    std::array<pollfd, 2> files{pollfd{stop_, POLLIN, 0}, pollfd{changes_, POLLIN, 0}};
    for (;;) {
      static_cast<void>(::poll(files.data(), 2, -1));
      if (files[0].revents != 0)
        return;
      for (const auto& x : take_changes())
        if (x->wake)
          x->wake();
      static_cast<void>(::poll(files.data(), 1, pause_ms));
      if (files[0].revents != 0)
        return;
    }
  }

  /// Who is to be woken, each once.
  std::vector<part_ptr> take_changes() {
    std::vector<part_ptr> woken;
    alignas(inotify_event) std::array<char, 16 * 1024> buffer{};
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < most_buffers; ++i) {
      const auto got = ::read(changes_, buffer.data(), buffer.size());
      if (got <= 0)
        break;
      for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
        inotify_event x{};
        std::memcpy(&x, buffer.data() + at, sizeof x);
        const char* name = x.len == 0 ? "" : buffer.data() + at + sizeof x;
        at += sizeof x + x.len;
        take_change(x, name, woken);
      }
    }
    std::sort(woken.begin(), woken.end());
    woken.erase(std::unique(woken.begin(), woken.end()), woken.end());
    return woken;
  }

  void take_change(const inotify_event& x, const char* name, std::vector<part_ptr>& woken) {
    if ((x.mask & IN_Q_OVERFLOW) != 0) { // Nobody knows whose.
      for (const auto& [number, all] : watches_)
        woken.insert(woken.end(), all.begin(), all.end());
      return;
    }
    const auto found = watches_.find(x.wd);
    if (found == watches_.end())
      return;
    for (const auto& one : found->second)
      if (one->state == watched::file || x.len == 0 || one->file.filename() == name)
        woken.push_back(one);
    if ((x.mask & IN_IGNORED) == 0)
      return;
    for (const auto& one : found->second) { // It is gone.
      one->number = -1;
      one->state = watched::not_at_all;
    }
    watches_.erase(found);
  }

  std::mutex mutex_;
  std::unordered_map<int, std::vector<part_ptr>> watches_; ///< By number; several may watch the same file.
  bool failed_ = false;
  bool stopped_ = false;
  int changes_ = -1;
  int stop_ = -1;
  std::thread thread_;
};

log_followers::log_followers(std::size_t most)
    : places_(places::quarter_of(most), "logs are followed", "read without follow and go on at X-Muster-End-Offset"),
      core_(std::make_shared<core>()) {}

log_followers::~log_followers() {
  core_->stop();
}

result<std::unique_ptr<log_followers::place>> log_followers::admit(const std::optional<std::string>& user) {
  auto admitted = places_.take(user);
  if (!admitted)
    return admitted.failure();
  return std::unique_ptr<place>(new place(core_, std::move(*admitted)));
}

std::size_t log_followers::count() const {
  return places_.count();
}

log_followers::place::place(std::shared_ptr<core> owner, places::place admitted)
    : core_(std::move(owner)), admitted_(std::move(admitted)), mine_(std::make_shared<shared_part>()) {}

log_followers::place::~place() {
  core_->leave(mine_);
}

void log_followers::place::set_waker(http::waker wake) {
  mine_->wake = std::move(wake);
}

log_followers::watched log_followers::place::watch(const std::filesystem::path& file) {
  return core_->watch(mine_, file);
}

} // namespace muster::gateway
