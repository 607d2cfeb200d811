#include "executors/docker/engine/transfer.hpp"

#include "muster/base/text.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace muster::docker {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds connect_deadline = std::chrono::seconds(15);
constexpr std::size_t most_headers = 100;

bool is_header_text(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

/// `HTTP/1.1 200 OK`
int status_of(std::string_view line) {
  int status = 0;
  if (const auto blank = line.find(' '); blank != std::string_view::npos)
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), status);
  return status;
}

void set_tls(CURL* handle, const tls_material& tls) {
  curl().easy_setopt(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl().easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  curl().easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca.empty())
    curl().easy_setopt(handle, CURLOPT_CAINFO, tls.ca.c_str());
  if (!tls.cert.empty())
    curl().easy_setopt(handle, CURLOPT_SSLCERT, tls.cert.c_str());
  if (!tls.key.empty())
    curl().easy_setopt(handle, CURLOPT_SSLKEY, tls.key.c_str());
}

std::string seconds_of(std::chrono::milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

} // namespace

transfer::transfer(call_id id, http_request request, http_handlers handlers)
    : id_(id), request_(std::move(request)), handlers_(std::move(handlers)), heard_(steady::now()) {}

const transfer* transfer::of(CURL* handle) {
  char* self = nullptr;
  curl().easy_getinfo(handle, CURLINFO_PRIVATE, &self);
  return reinterpret_cast<const transfer*>(self); // NOLINT: libcurl keeps it as a char*
}

bool transfer::begin(easy_handle handle, CURLM* multi) {
  heard_ = steady::now();
  if (!request_.to || request_.path.empty() || request_.path.front() != '/' || !set_headers())
    return false;
  set_request(handle.get());
  set_connection(handle.get());
  if (curl().multi_add_handle(multi, handle.get()) != CURLM_OK)
    return false;
  handle_ = std::move(handle);
  return true;
}

easy_handle transfer::end(CURLM* multi) {
  if (!handle_)
    return {};
  curl().multi_remove_handle(multi, handle_.get());
  curl().easy_reset(handle_.get());
  headers_.reset();
  return std::move(handle_);
}

void transfer::resume() {
  if (!wants_resume_ || !handle_)
    return;
  wants_resume_ = false;
  paused_ = false;
  heard_ = steady::now();
  curl().easy_pause(handle_.get(), CURLPAUSE_CONT);
}

std::chrono::milliseconds transfer::silence_left() const {
  if (paused_)
    return request_.idle;
  return std::chrono::ceil<std::chrono::milliseconds>(heard_ + request_.idle - steady::now());
}

std::function<void(outcome<http_response>)> transfer::take_done() {
  return canceled_ ? nullptr : std::move(handlers_.on_done);
}

bool transfer::set_headers() {
  const auto add = [this](const std::string& line) {
    auto* longer = curl().slist_append(headers_.get(), line.c_str());
    if (longer == nullptr)
      return false;
    static_cast<void>(headers_.release());
    headers_.reset(longer);
    return true;
  };
  // Without a value, libcurl leaves out what it would send by itself.
  bool good =
      add("Expect:") && add(request_.content_type.empty() ? "Content-Type:" : "Content-Type: " + request_.content_type);
  for (const auto& [name, value] : request_.headers)
    good = good && is_header_text(name) && is_header_text(value) && add(std::string(name).append(": ").append(value));
  return good && is_header_text(request_.content_type);
}

void transfer::set_request(CURL* handle) {
  curl().easy_setopt(handle, CURLOPT_URL, url().c_str());
  curl().easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  if (request_.method == "HEAD") {
    curl().easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET") {
    const bool has_body = request_.method == "POST" || request_.method == "PUT" || !request_.body.empty();
    if (has_body) {
      curl().easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      curl().easy_setopt(handle, CURLOPT_POSTFIELDS, request_.body.c_str()); // not copied
    }
    curl().easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  curl().easy_setopt(handle, CURLOPT_HTTPHEADER, headers_.get());
  curl().easy_setopt(handle, CURLOPT_HEADERFUNCTION, &transfer::on_header);
  curl().easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl().easy_setopt(handle, CURLOPT_WRITEFUNCTION, &transfer::on_body);
  curl().easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl().easy_setopt(handle, CURLOPT_PRIVATE, this);
  curl().easy_setopt(handle, CURLOPT_ERRORBUFFER, reason_.data());
  curl().easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.deadline.count()));
  curl().easy_setopt(handle, CURLOPT_BUFFERSIZE, request_.small ? 2048L : 16384L);
  curl().easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
}

void transfer::set_connection(CURL* handle) const {
  curl().easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl().easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl().easy_setopt(handle, CURLOPT_NOPROXY, "*");
  curl().easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl().easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_deadline.count()));
  // A machine that vanishes sends nothing: streams that are silent for long would never end.
  curl().easy_setopt(handle, CURLOPT_FRESH_CONNECT, request_.once ? 1L : 0L);
  curl().easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl().easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, 30L);
  curl().easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, 10L);
  if (request_.to->is_unix())
    curl().easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, request_.to->socket.c_str());
  else if (request_.to->tls)
    set_tls(handle, *request_.to->tls);
}

std::string transfer::url() const {
  const auto& to = *request_.to;
  std::string out = to.is_unix() || !to.tls ? "http://" : "https://";
  if (to.is_unix())
    out += "localhost";
  else if (to.host.find(':') != std::string::npos)
    out += "[" + to.host + "]:" + std::to_string(to.port);
  else
    out += to.host + ":" + std::to_string(to.port);
  out += request_.path;
  char before = '?';
  for (const auto& [name, value] : request_.query) {
    out.append(1, before).append(encode_segment(name)).append(1, '=').append(encode_segment(value));
    before = '&';
  }
  return out;
}

std::size_t transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  const auto length = size * count;
  return static_cast<transfer*>(self)->take_header({data, length}) ? length : 0;
}

std::size_t transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  return static_cast<transfer*>(self)->take_body({data, size * count});
}

bool transfer::take_header(std::string_view line) {
  heard_ = steady::now();
  if (line.substr(0, 5) == "HTTP/") {
    response_.headers.clear();
    response_.status = status_of(line);
    head_complete_ = false;
    return !canceled_;
  }
  const auto text = trimmed(line, " \t\r\n");
  if (!text.empty()) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || response_.headers.size() >= most_headers)
      return !canceled_;
    std::string name(text.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    response_.headers.insert_or_assign(std::move(name), std::string(trimmed(text.substr(colon + 1))));
    return !canceled_;
  }
  // The end of the head, unless it is that of an interim answer.
  head_complete_ = response_.status >= 200;
  if (head_complete_ && handlers_.on_open && !canceled_)
    handlers_.on_open(response_);
  return !canceled_;
}

std::size_t transfer::take_body(std::string_view piece) {
  heard_ = steady::now();
  if (canceled_)
    return 0;
  if (paused_)
    return CURL_WRITEFUNC_PAUSE;
  if (handlers_.on_data && response_.status >= 200 && response_.status < 300) {
    const bool more = handlers_.on_data(piece);
    return more && !canceled_ ? piece.size() : 0;
  }
  if (piece.size() > request_.body_limit - response_.body.size()) {
    too_large_ = true;
    return 0;
  }
  response_.body.append(piece);
  return piece.size();
}

outcome<http_response> transfer::verdict(CURLcode code) {
  if (code != CURLE_OK)
    return problem_of(code);
  if (head_complete_)
    return std::move(response_);
  // libcurl takes a head without an end for an answer.
  return problem_of(response_.status > 0 ? CURLE_PARTIAL_FILE : CURLE_WEIRD_SERVER_REPLY);
}

std::string transfer::reason_of(CURLcode code) const {
  const std::string_view text(reason_.data());
  return one_line(text.empty() ? std::string_view(curl().easy_strerror(code)) : text, 300);
}

/// Whether nothing of the request has left this process.
bool transfer::is_unsent() const {
  long sent = 0;
  return !handle_ || (curl().easy_getinfo(handle_.get(), CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0);
}

engine_error transfer::problem_of(CURLcode code) const {
  const auto name = request_.to ? to_string(*request_.to) : std::string("nowhere");
  const auto fail = [&](failure kind, std::string message) {
    engine_error problem;
    problem.kind = kind;
    problem.message = std::move(message);
    problem.unsent = is_unsent();
    return problem;
  };
  if (too_large_)
    return fail(failure::bad_answer, "the Docker daemon at " + name + " answered " + request_.path +
                                         " with more than " + std::to_string(request_.body_limit) + " bytes");
  switch (code) {
    case CURLE_COULDNT_CONNECT: {
      long number = 0;
      if (handle_)
        curl().easy_getinfo(handle_.get(), CURLINFO_OS_ERRNO, &number);
      if (request_.to->is_unix() && (number == EACCES || number == EPERM))
        return fail(failure::permission,
                    "no permission to use the Docker daemon at " + name +
                        ": join the group that owns the socket (usually `docker`), or run as root");
      return fail(failure::daemon_away, "cannot reach the Docker daemon at " + name + ": " +
                                            (number != 0 ? std::strerror(static_cast<int>(number)) : reason_of(code)) +
                                            "; is it running?");
    }
    case CURLE_COULDNT_RESOLVE_HOST:
      return fail(failure::daemon_away, "cannot reach the Docker daemon at " + name + ": " + reason_of(code));
    case CURLE_OPERATION_TIMEDOUT:
      return fail(failure::daemon_away,
                  "the Docker daemon at " + name + " did not answer in time (" + request_.method + " " + request_.path +
                      ", " + seconds_of(request_.deadline.count() > 0 ? request_.deadline : request_.idle) + ")");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return fail(failure::tls, "no trusted connection to the Docker daemon at " + name + ": " + reason_of(code));
    case CURLE_OK:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
      return fail(failure::bad_answer,
                  "what listens at " + name + " does not answer as a Docker daemon: " + reason_of(code));
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_URL_MALFORMAT:
      return fail(failure::bad_request,
                  "the request " + request_.method + " " + request_.path.substr(0, 200) + " cannot be sent");
    default:
      return fail(failure::daemon_away, "the connection to the Docker daemon at " + name + " was cut (" +
                                            request_.method + " " + request_.path + "): " + reason_of(code));
  }
}

} // namespace muster::docker
