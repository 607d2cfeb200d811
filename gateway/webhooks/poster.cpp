#include "gateway/webhooks/poster.hpp"

#include "executors/curl/curl_library.hpp"
#include "gateway/webhooks/target.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <unordered_map>

namespace muster::gateway {

namespace {

/// Of an answer; a receiver that sends more is cut off, and counts by its status.
constexpr std::size_t most_answer = 64 * 1024;
constexpr long most_retry_after = 3600;

struct easy_closer {
  void operator()(CURL* x) const noexcept { curl().easy_cleanup(x); }
};
struct list_closer {
  void operator()(curl_slist* x) const noexcept { curl().slist_free_all(x); }
};

/// A request on its way; curl points into it.
struct transfer {
  post_request request;
  poster::handler done;
  std::unique_ptr<CURL, easy_closer> easy;
  std::unique_ptr<curl_slist, list_closer> headers;
  std::size_t received = 0;
  bool refused = false; ///< By its address.
};

curl_socket_t open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& x = *static_cast<transfer*>(self);
  if (!may_deliver_to(&address->addr, x.request.allow_private)) {
    x.refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t take_answer(char*, std::size_t size, std::size_t count, void* self) {
  auto& x = *static_cast<transfer*>(self);
  x.received += size * count;
  return x.received > most_answer ? 0 : size * count;
}

void set_up(transfer& x) {
  auto* easy = x.easy.get();
  const auto set = [easy](CURLoption option, auto value) { curl().easy_setopt(easy, option, value); };
  set(CURLOPT_URL, x.request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L); // A name that is looked up for long must not hold the others up when its time is over.
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(x.request.timeout.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(x.request.timeout.count()));
  set(CURLOPT_USERAGENT, "muster-webhooks");
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDS, x.request.body.data());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(x.request.body.size()));
  set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(&x));
  // A connection that was made for another webhook was checked for that one.
  set(CURLOPT_FRESH_CONNECT, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_WRITEFUNCTION, take_answer);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&x));
  set(CURLOPT_PRIVATE, static_cast<void*>(&x));
  curl_slist* list = nullptr;
  for (const auto& [name, value] : x.request.headers) {
    auto line = name;
    line.append(": ").append(value);
    list = curl().slist_append(list, line.c_str());
  }
  list = curl().slist_append(list, "Expect:");
  x.headers.reset(list);
  set(CURLOPT_HTTPHEADER, list);
}

post_outcome outcome_of(const transfer& x, CURLcode code) {
  post_outcome out;
  curl().easy_getinfo(x.easy.get(), CURLINFO_RESPONSE_CODE, &out.status);
  if (code != CURLE_OK && x.received <= most_answer)
    out.status = 0;
  if (out.status == 0)
    out.problem = x.refused ? "the address is one that no webhook may call" : curl().easy_strerror(code);
  curl_off_t wait = 0;
  if (curl().easy_getinfo(x.easy.get(), CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
    out.retry_after = std::chrono::seconds{std::min<long>(static_cast<long>(wait), most_retry_after)};
  return out;
}

} // namespace

class poster::impl {
public:
  impl() : multi_(curl().multi_init()) {}
  ~impl() {
    clear();
    curl().multi_cleanup(multi_);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  void post(post_request request, handler done) {
    auto x = std::make_unique<transfer>();
    x->request = std::move(request);
    x->done = std::move(done);
    x->easy.reset(curl().easy_init());
    set_up(*x);
    auto* easy = x->easy.get();
    under_way_.emplace(easy, std::move(x));
    curl().multi_add_handle(multi_, easy);
  }

  void run(std::chrono::milliseconds at_most) {
    int running = 0;
    curl().multi_perform(multi_, &running);
    if (!finish_some())
      curl().multi_poll(multi_, nullptr, 0, static_cast<int>(at_most.count()), nullptr);
    curl().multi_perform(multi_, &running);
    finish_some();
  }

  void wake() noexcept { curl().multi_wakeup(multi_); }

  void clear() {
    for (auto& [easy, x] : under_way_)
      curl().multi_remove_handle(multi_, easy);
    under_way_.clear();
  }

private:
  bool finish_some() {
    bool any = false;
    int left = 0;
    while (const auto* message = curl().multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE)
        continue;
      auto* easy = message->easy_handle;
      const auto code = message->data.result;
      auto found = under_way_.extract(easy);
      curl().multi_remove_handle(multi_, easy);
      any = true;
      if (found)
        found.mapped()->done(outcome_of(*found.mapped(), code));
    }
    return any;
  }

  CURLM* const multi_;
  std::unordered_map<CURL*, std::unique_ptr<transfer>> under_way_;
};

result<void> poster::check() {
  if (!curl().problem.empty())
    return {ec::unsupported, "webhooks cannot be delivered: " + curl().problem};
  return {};
}

poster::poster() : impl_(std::make_unique<impl>()) {}
poster::~poster() = default;

void poster::post(post_request x, handler done) {
  impl_->post(std::move(x), std::move(done));
}

void poster::run(std::chrono::milliseconds at_most) {
  impl_->run(at_most);
}

void poster::wake() noexcept {
  impl_->wake();
}

void poster::clear() {
  impl_->clear();
}

} // namespace muster::gateway
