#include "executors/docker/engine/errors.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include <nlohmann/json.hpp>

namespace muster::docker {

namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Whether `text`, in lower case, holds any of `parts`.
bool holds(const std::string& text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string::npos; });
}

/// The daemon's own words. JSON without any says nothing to a person, so it is never shown.
std::string message_of(int status, std::string_view body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (json.is_object())
    for (const auto* key : {"message", "cause", "error"})
      if (const auto it = json.find(key); it != json.end() && it->is_string())
        if (auto text = one_line(it->get_ref<const std::string&>()); !text.empty())
          return text;
  auto fallback = "the Docker daemon answered with HTTP status " + std::to_string(status);
  if (!json.is_discarded() || body.empty() || body.front() == '<' || body.front() == '{')
    return fallback;
  auto text = one_line(body);
  return text.empty() ? fallback : text;
}

/// What is the same whatever the status is.
failure kind_of_text(const std::string& text) {
  if (holds(text, {"no space left on device", "disk quota exceeded"}))
    return failure::no_space;
  if (holds(text, {"could not select device driver", "nvidia-container-cli", "unresolvable cdi devices",
                   "runtime name: nvidia", "unknown runtime specified nvidia"}))
    return failure::no_gpu_runtime;
  if (holds(text, {"address already in use", "pool overlaps with other one", "non-overlapping ipv4 address pool",
                   "all predefined address pools have been fully subnetted"}))
    return failure::address_taken;
  if (holds(text, {"client sent an http request to an https server"}))
    return failure::tls;
  return failure::none;
}

failure kind_of_pull(int status, const std::string& text) {
  if (holds(text, {"toomanyrequests", "too many requests", "no such host", "connection refused", "i/o timeout",
                   "handshake timeout", "context deadline exceeded", "client.timeout", "connection reset"}))
    return failure::server_error;
  // Docker Hub says the same of what does not exist and of what is private: credentials might help.
  if (status == 401 || status == 403 ||
      holds(text,
            {"pull access denied", "unauthorized", "authentication required", "no basic auth credentials",
             "access to the resource is denied", "incorrect username or password", "access denied", "403 forbidden"}))
    return failure::pull_denied;
  if (status == 404 || holds(text, {"manifest unknown", "name unknown", "repository does not exist",
                                    "repository name not known", "no matching manifest", "not found"}))
    return failure::image_not_found;
  return failure::none;
}

failure kind_of_status(int status) {
  if (status == 404)
    return failure::not_found;
  if (status == 409)
    return failure::conflict;
  return status >= 500 || status == 429 || status == 0 ? failure::server_error : failure::bad_request;
}

/// Creating and starting a container may miss other things than the container.
object object_of(const std::string& text, object about) {
  if (text.rfind("no such image", 0) == 0)
    return object::image;
  if (text.rfind("no such container", 0) == 0)
    return object::container;
  if (text.rfind("network ", 0) == 0 || holds(text, {"could not find network", "no such network"}))
    return object::network;
  return about;
}

/// `... is already in use by container "<id>". You have to ...`
std::string holder_of(std::string_view message) {
  constexpr std::string_view before = "by container \"";
  const auto at = message.find(before);
  if (at == std::string_view::npos)
    return {};
  const auto rest = message.substr(at + before.size());
  const auto end = rest.find('"');
  return std::string(end == std::string_view::npos ? std::string_view{} : rest.substr(0, end));
}

engine_error classify(int status, std::string message, object about, call_kind call) {
  engine_error problem;
  problem.status = status;
  problem.about = about;
  // What follows `exec: "` is the user's command, which may say anything.
  const auto text = lower_case(message.substr(0, message.find("exec: \"")));
  problem.kind = kind_of_text(text);
  // A path within a container, not the container.
  if (status == 404 && text.rfind("could not find the file", 0) == 0)
    problem.kind = failure::bad_request;
  if (problem.kind == failure::none && call == call_kind::pull)
    problem.kind = kind_of_pull(status, text);
  if (problem.kind == failure::none)
    problem.kind = kind_of_status(status);
  if (problem.kind == failure::not_found)
    problem.about = object_of(text, about);
  if (problem.kind == failure::conflict)
    problem.holder = holder_of(message);
  problem.message = std::move(message);
  if (problem.kind == failure::tls)
    problem.message += " It wants TLS: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of the certificates";
  return problem;
}

} // namespace

std::string_view to_string(failure kind) noexcept {
  switch (kind) {
    case failure::none: return "none";
    case failure::not_found: return "not_found";
    case failure::image_not_found: return "image_not_found";
    case failure::pull_denied: return "pull_denied";
    case failure::conflict: return "conflict";
    case failure::no_space: return "no_space";
    case failure::no_gpu_runtime: return "no_gpu_runtime";
    case failure::address_taken: return "address_taken";
    case failure::bad_request: return "bad_request";
    case failure::server_error: return "server_error";
    case failure::daemon_away: return "daemon_away";
    case failure::permission: return "permission";
    case failure::tls: return "tls";
    case failure::bad_answer: return "bad_answer";
    case failure::unsupported: return "unsupported";
  }
  return "unknown";
}

bool engine_error::transient() const noexcept {
  return kind == failure::server_error || kind == failure::daemon_away || kind == failure::bad_answer ||
         kind == failure::address_taken;
}

/// Beyond 500 are the words of a proxy whose daemon has gone, or of a daemon that cannot reach what it needs.
bool engine_error::may_be_done() const noexcept {
  return !unsent && (status == 0 || status > 500);
}

error to_error(const engine_error& problem) {
  const auto code = [&] {
    switch (problem.kind) {
      case failure::not_found:
      case failure::image_not_found: return ec::not_found;
      case failure::conflict:
      case failure::address_taken: return ec::conflict;
      case failure::pull_denied:
      case failure::bad_request: return ec::invalid_argument;
      case failure::no_space:
      case failure::permission:
      case failure::tls: return ec::io_error;
      case failure::no_gpu_runtime:
      case failure::unsupported: return ec::unsupported;
      case failure::server_error:
      case failure::daemon_away:
      case failure::bad_answer: return ec::unavailable;
      case failure::none: break;
    }
    return ec::internal;
  }();
  return {code, problem.message};
}

std::string one_line(std::string_view text, std::size_t limit) {
  std::string out;
  bool blank = false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
      blank = !out.empty();
      continue;
    }
    if (out.size() + 5 > limit) {
      // Not within a character of several bytes.
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0U) == 0x80U)
        out.pop_back();
      if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0U)
        out.pop_back();
      out += "...";
      break;
    }
    if (blank)
      out.push_back(' ');
    blank = false;
    out.push_back(c);
  }
  for (auto at = first_invalid_utf8(out); at < out.size(); at = first_invalid_utf8(out))
    out[at] = '?';
  return out;
}

engine_error error_of_answer(int status, std::string_view body, object about, call_kind call) {
  return classify(status, message_of(status, body), about, call);
}

engine_error error_of_message(std::string_view message, object about, call_kind call) {
  auto text = one_line(message);
  return classify(0, text.empty() ? "the Docker daemon gave no reason" : std::move(text), about, call);
}

} // namespace muster::docker
