#include "gateway/client/http_client.hpp"

#include "executors/curl/curl_library.hpp"
#include "muster/base/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sys/random.h>
#include <thread>

namespace muster::client {

namespace {

constexpr std::string_view blanks = " \t\r\n";

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// A whole answer that is larger than this is none of a head's.
constexpr std::size_t largest_answer = std::size_t{256} << 20U;

struct header_list {
  curl_slist* head = nullptr;
  ~header_list() {
    if (head != nullptr)
      curl().slist_free_all(head);
  }
  header_list() = default;
  header_list(const header_list&) = delete;
  header_list& operator=(const header_list&) = delete;
  void add(const std::string& line) { head = curl().slist_append(head, line.c_str()); }
};

/// What one transfer gives, filled by the callbacks.
struct transfer {
  unsigned status = 0;
  std::map<std::string, std::string> headers;
  std::string body; ///< All of it, or of a stream what is no success.
  const on_piece* piece = nullptr;
  bool stopped = false;
  bool too_large = false;
  clock::time_point heard = clock::now();
};

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* to) {
  auto& x = *static_cast<transfer*>(to);
  const std::string_view line{data, size * count};
  x.heard = clock::now();
  if (line.rfind("HTTP/", 0) == 0) {
    x.headers.clear(); // Of a response to come, after 100 Continue.
    const auto space = line.find(' ');
    x.status = space == std::string_view::npos ? 0 : static_cast<unsigned>(std::atoi(line.data() + space));
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    std::string name{trimmed(line.substr(0, colon), blanks)};
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    x.headers[name] = trimmed(line.substr(colon + 1), blanks);
  }
  return size * count;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& x = *static_cast<transfer*>(to);
  const std::string_view piece{data, size * count};
  x.heard = clock::now();
  if (x.piece != nullptr && x.status < 400) {
    if (!(*x.piece)(piece)) {
      x.stopped = true;
      return 0;
    }
    return piece.size();
  }
  if (x.body.size() + piece.size() > largest_answer) {
    x.too_large = true;
    return 0;
  }
  x.body.append(piece);
  return piece.size();
}

bool is_local(const std::string& address) {
  return address.rfind("http://127.", 0) == 0 || address.rfind("http://localhost", 0) == 0 ||
         address.rfind("http://[::1]", 0) == 0 || address.rfind("https://127.", 0) == 0 ||
         address.rfind("https://localhost", 0) == 0 || address.rfind("https://[::1]", 0) == 0;
}

/// Whether it will be no better in a moment.
bool is_final(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_CONNECT_ERROR || code == CURLE_UNSUPPORTED_PROTOCOL;
}

/// Whether `code` means that the head has not seen the request.
bool never_arrived(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
}

/// Whether the head says that it has not looked at the request.
bool never_began(const problem& x) {
  return x.code == "not_ready";
}

} // namespace

/// One easy handle within one multi handle: the connection is kept between requests.
class http_client::impl {
public:
  explicit impl(http_config config) : config_(std::move(config)) {
    const auto drop_slashes = [this] {
      while (config_.address.size() > 8 && config_.address.back() == '/')
        config_.address.pop_back();
    };
    drop_slashes();
    // As it is in the API's documentation; paths bring their own.
    if (const auto& x = config_.address; x.size() > 11 && x.compare(x.size() - 3, 3, "/v1") == 0) {
      config_.address.resize(x.size() - 3);
      drop_slashes();
    }
    easy_ = curl().easy_init();
    multi_ = curl().multi_init();
  }
  ~impl() {
    curl().easy_cleanup(easy_);
    curl().multi_cleanup(multi_);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  [[nodiscard]] bool usable() const { return easy_ != nullptr && multi_ != nullptr; }
  [[nodiscard]] const std::string& address() const { return config_.address; }

  outcome<reply> send(const request& x) {
    const auto until = clock::now() + config_.patience;
    for (milliseconds pause{100};; pause = std::min(pause * 2, milliseconds{2'000})) {
      transfer got;
      const auto code = perform(x, got, {}, config_.answer_timeout);
      const bool busy = code == CURLE_OK && got.status == 503;
      const bool may_repeat =
          x.repeatable || x.method == "GET" || never_arrived(code) || (busy && never_began(problem_of(503, got.body)));
      if ((code == CURLE_OK && !busy) || got.too_large || !may_repeat || is_final(code) ||
          clock::now() + pause > until) {
        if (code != CURLE_OK)
          return unreachable(code, got);
        if (got.status >= 400)
          return problem_of(got.status, got.body);
        return reply{got.status, std::move(got.headers), std::move(got.body)};
      }
      std::this_thread::sleep_for(pause); // Between two attempts: the head may be starting.
    }
  }

  outcome<stream_end> stream(const request& x, const on_piece& piece, const on_tick& tick,
                             std::map<std::string, std::string>* headers) {
    transfer got;
    got.piece = &piece;
    const auto code = perform(x, got, tick, milliseconds{0});
    if (headers != nullptr)
      *headers = got.headers;
    if (got.stopped)
      return stream_end::stopped;
    if (got.status >= 400)
      return problem_of(got.status, got.body);
    if (code == CURLE_OK)
      return stream_end::finished;
    if (got.status == 0)
      return unreachable(code, got);
    return stream_end::broken;
  }

private:
  problem unreachable(CURLcode code, const transfer& got) const {
    const std::string why = got.too_large            ? "the answer is too large"
                            : error_text_[0] != '\0' ? std::string{error_text_.data()}
                                                     : std::string{curl().easy_strerror(code)};
    return {0,
            "unreachable",
            "no answer from " + config_.address + (config_.origin.empty() ? "" : ", named by " + config_.origin) +
                ": " + why,
            {}};
  }

  template <class Value>
  void set(CURLoption option, Value value) {
    curl().easy_setopt(easy_, option, value);
  }

  void set_up(const request& x, transfer& into, header_list& headers) {
    curl().easy_reset(easy_);
    error_text_[0] = '\0';
    const bool is_unix = config_.address.rfind("unix://", 0) == 0;
    const auto url = (is_unix ? std::string{"http://localhost"} : config_.address) + x.path + query_text(x.query);
    set(CURLOPT_URL, url.c_str());
    if (is_unix)
      set(CURLOPT_UNIX_SOCKET_PATH, config_.address.c_str() + 7);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, error_text_.data());
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(config_.connect_timeout.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_HEADERFUNCTION, &take_header);
    set(CURLOPT_HEADERDATA, &into);
    set(CURLOPT_WRITEFUNCTION, &take_body);
    set(CURLOPT_WRITEDATA, &into);
    set(CURLOPT_USERAGENT, "muster");
    if (is_unix || is_local(config_.address))
      set(CURLOPT_NOPROXY, "*");
    if (!config_.ca.empty())
      set(CURLOPT_CAINFO, config_.ca.c_str());
    headers.add("Accept: " + (x.accept.empty() ? "application/json, application/problem+json" : x.accept));
    headers.add("Expect:");
    if (!config_.token.empty())
      headers.add("Authorization: Bearer " + config_.token);
    for (const auto& [name, value] : x.headers)
      headers.add(std::string{name}.append(": ").append(value));
    if (x.method != "GET") {
      set(CURLOPT_CUSTOMREQUEST, x.method.c_str());
      if (x.method != "DELETE" || !x.body.empty()) {
        headers.add("Content-Type: " + (x.content_type.empty() ? "application/json" : x.content_type));
        set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(x.body.size()));
        set(CURLOPT_POSTFIELDS, x.body.data());
      }
    }
    set(CURLOPT_HTTPHEADER, headers.head);
  }

  /// `limit` zero: it may take as long as it likes, but not be silent for long.
  CURLcode perform(const request& x, transfer& into, const on_tick& tick, milliseconds limit) {
    constexpr int tick_ms = 100;
    header_list headers;
    set_up(x, into, headers);
    if (limit.count() > 0)
      set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    curl().multi_add_handle(multi_, easy_);
    auto code = CURLE_OK;
    into.heard = clock::now();
    for (;;) {
      int running = 0;
      if (curl().multi_perform(multi_, &running) != CURLM_OK) {
        code = CURLE_SEND_ERROR;
        break;
      }
      int left = 0;
      if (const auto* message = curl().multi_info_read(multi_, &left);
          message != nullptr && message->msg == CURLMSG_DONE) {
        code = message->data.result;
        break;
      }
      if (tick && !tick()) {
        into.stopped = true;
        break;
      }
      if (limit.count() == 0 && clock::now() - into.heard > config_.silence) {
        code = CURLE_OPERATION_TIMEDOUT;
        break;
      }
      curl().multi_poll(multi_, nullptr, 0, tick_ms, nullptr);
    }
    curl().multi_remove_handle(multi_, easy_);
    set(CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    return code;
  }

  http_config config_;
  CURL* easy_ = nullptr;
  CURLM* multi_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
};

result<std::unique_ptr<http_client>> http_client::make(http_config config) {
  const auto& x = config.address;
  const bool known = x.rfind("http://", 0) == 0 || x.rfind("https://", 0) == 0 || x.rfind("unix:///", 0) == 0;
  const bool plain = std::all_of(x.begin(), x.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; });
  if (!known || !plain || x.find_first_of("?#@") != std::string::npos)
    return {ec::invalid_argument, "'" + x.substr(0, 80) +
                                      "' is no address of a head; write it as http://127.0.0.1:7717, "
                                      "https://host:7717 or unix:///path"};
  if (!curl().problem.empty())
    return {ec::unsupported, "a head cannot be reached: " + curl().problem};
  auto made = std::make_unique<impl>(std::move(config));
  if (!made->usable())
    return {ec::internal, "libcurl cannot be set up"};
  return std::unique_ptr<http_client>{new http_client{std::move(made)}};
}

http_client::http_client(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
http_client::~http_client() = default;

outcome<reply> http_client::send(const request& x) {
  return impl_->send(x);
}

outcome<stream_end> http_client::stream(const request& x, const on_piece& piece, const on_tick& tick,
                                        std::map<std::string, std::string>* headers) {
  return impl_->stream(x, piece, tick, headers);
}

std::string http_client::name() const {
  return impl_->address();
}

std::string make_idempotency_key() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<unsigned char, 16> bytes{};
  for (std::size_t got = 0; got < bytes.size();) {
    const auto n = ::getrandom(bytes.data() + got, bytes.size() - got, 0);
    if (n > 0)
      got += static_cast<std::size_t>(n);
    else if (errno != EINTR)
      std::abort(); // A key that somebody else may have would answer with their submission.
  }
  std::string out;
  for (const auto b : bytes) {
    out += digits[b >> 4U];
    out += digits[b & 15U];
  }
  return out;
}

result<std::string> read_token(const std::filesystem::path& file) {
  constexpr std::size_t most = 4096;
  std::error_code problem;
  if (!std::filesystem::is_regular_file(file, problem) && !std::filesystem::is_fifo(file, problem))
    return {ec::not_found, "there is no token file " + file.string()};
  std::ifstream in(file, std::ios::binary);
  std::string text(most + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  if (!in.eof() && in.fail())
    return {ec::io_error, "cannot read the token file " + file.string()};
  if (text.size() > most)
    return {ec::invalid_argument, "the token file " + file.string() + " is larger than 4 KiB"};
  std::string token{trimmed(std::string_view{text}.substr(0, text.find('\n')), blanks)};
  const bool plain = std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; });
  if (token.empty() || !plain)
    return {ec::invalid_argument, "there is no token in the first line of " + file.string()};
  return token;
}

} // namespace muster::client
