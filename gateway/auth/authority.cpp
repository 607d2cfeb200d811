#include "gateway/auth/authority.hpp"

#include "gateway/auth/token.hpp"

#include <algorithm>
#include <cctype>

namespace muster::gateway {

namespace {

/// What is remembered of tokens; beyond it all is forgotten, which costs nothing but a look into the store.
constexpr std::size_t most_remembered = 4096;

constexpr const char* no_token = "a token is needed (Authorization: Bearer mst_...)";
constexpr const char* not_valid = "the token is not valid: it is unknown, revoked or expired";
constexpr const char* too_many_guesses = "too many wrong tokens came from here; wait";

bool same_letters(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) {
           return std::tolower(x) == std::tolower(y);
         });
}

/// The host of `host:port`, brackets of IPv6 included.
std::string_view without_port(std::string_view x) {
  if (!x.empty() && x.front() == '[')
    return x.substr(0, std::min(x.find(']') + 1, x.size()));
  return x.substr(0, x.find(':'));
}

/// The token of `Authorization: Bearer ...`; none if it is something else.
std::optional<std::string_view> bearer_of(std::string_view header) {
  constexpr std::string_view scheme = "bearer ";
  if (header.size() <= scheme.size() || !same_letters(header.substr(0, scheme.size()), scheme))
    return std::nullopt;
  header.remove_prefix(scheme.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

/// 127/8, as four numbers and nothing else: a name such as 127.0.0.1.example.com is somebody else's.
bool is_loopback_name(std::string_view name) {
  return same_letters(name, "localhost") || name == "[::1]" ||
         (name.substr(0, 4) == "127." && std::count(name.begin(), name.end(), '.') == 3 &&
          name.find_first_not_of("0123456789.") == std::string_view::npos);
}

/// Whether the body may be so large that whoever sends it must be somebody.
bool is_large(const http::request& x) {
  constexpr std::size_t most_digits = 5; // Less than 100,000 bytes.
  return x.header("Transfer-Encoding") || x.header("Content-Length").value_or("").size() > most_digits;
}

authority::verdict refused(const char* code, std::string detail) {
  return {std::nullopt, {code, std::move(detail)}, false};
}

} // namespace

bool authority::is_own_host(std::string_view host) const {
  const auto name = without_port(host);
  if (is_loopback_name(name))
    return true;
  const auto names = [this] {
    const std::lock_guard lock{mutex_};
    return allowed_hosts_;
  }();
  return std::any_of(names->begin(), names->end(),
                     [&](const std::string& x) { return same_letters(x, name) || same_letters(x, host); });
}

void authority::set_allowed_hosts(std::vector<std::string> names) {
  auto next = std::make_shared<const std::vector<std::string>>(std::move(names));
  const std::lock_guard lock{mutex_};
  allowed_hosts_.swap(next);
}

std::optional<authority::refusal> authority::check_host(const http::request& x) const {
  const auto host = x.header("Host").value_or("");
  if (!is_own_host(host))
    return refusal{"forbidden", "'" + std::string{host.substr(0, 80)} +
                                    "' is no name of this service; see allowed_hosts in its configuration"};
  const auto origin = x.header("Origin");
  if (!origin)
    return std::nullopt;
  const auto scheme = origin->find("://");
  if (scheme == std::string_view::npos || !is_own_host(origin->substr(scheme + 3)))
    return refusal{"forbidden", "requests from pages of other sites are not answered here"};
  return std::nullopt;
}

std::optional<authority::refusal> authority::refusal_before_body(http::request& x, guess_limit::clock::time_point at) {
  if (!tokens_)
    return check_host(x);
  const auto header = x.header("Authorization");
  if (!header)
    return refusal{"unauthorized", no_token};
  const auto token = bearer_of(*header);
  if (!token || !looks_like_token(*token))
    return refusal{"unauthorized", not_valid};
  if (!is_large(x) || is_known(hash_of_token(*token)))
    return std::nullopt;
  if (!guesses_.may_try(x.peer, at))
    return refusal{"too_many_requests", too_many_guesses};
  guesses_.failed(x.peer, at);
  x.is_unproven = true;
  return std::nullopt;
}

std::optional<authority::refusal> authority::refusal_of_host(const http::request& x) const {
  return tokens_ ? std::nullopt : check_host(x);
}

bool authority::is_from_here(const http::request& x) const {
  return x.peer_is_local && is_loopback_name(without_port(x.header("Host").value_or(""))) && !x.header("Origin") &&
         !x.header("Forwarded") && !x.header("X-Forwarded-For") && !x.header("Via");
}

result<authority::verdict> authority::identify(const http::request& x, const find_token& find, timestamp now,
                                               guess_limit::clock::time_point at) {
  if (!tokens_) {
    if (auto why = check_host(x))
      return verdict{std::nullopt, std::move(*why), false};
    return verdict{identity{}, {}, false};
  }
  const auto header = x.header("Authorization");
  if (!header)
    return refused("unauthorized", no_token);
  if (x.headers.count("Authorization") > 1)
    return refused("unauthorized", "there is more than one Authorization");
  const auto token = bearer_of(*header);
  const bool well_formed = token && looks_like_token(*token);
  const auto hash = well_formed ? hash_of_token(*token) : std::string{};
  // Who is right is never kept waiting: others behind the same address may be wrong, and 256 bits are not guessed.
  auto found = well_formed ? find(hash) : result<std::optional<store::token_record>>{std::nullopt};
  if (!found)
    return found.failure();
  const auto& record = *found;
  if (!record || !counts(*record, now)) {
    if (!x.is_unproven && !guesses_.may_try(x.peer, at))
      return refused("too_many_requests", too_many_guesses);
    if (!x.is_unproven)
      guesses_.failed(x.peer, at);
    return refused("unauthorized", not_valid);
  }
  if (x.is_unproven)
    guesses_.succeeded(x.peer, at);
  remember(hash);
  if (record->role == role::node)
    return refused("forbidden", "this token lets an agent join as a node, and nothing else");
  return verdict{identity{record->user, record->role, record->id}, {}, take_use(record->id, now)};
}

bool authority::is_known(const std::string& hash) {
  const std::lock_guard lock{mutex_};
  return known_.count(hash) > 0;
}

void authority::remember(const std::string& hash) {
  const std::lock_guard lock{mutex_};
  if (known_.size() >= most_remembered)
    known_.clear();
  known_.insert(hash);
}

bool authority::take_use(const std::string& token, timestamp now) {
  const std::lock_guard lock{mutex_};
  if (noted_.size() >= most_remembered)
    noted_.clear();
  const auto [at, is_new] = noted_.try_emplace(token, now);
  // A clock that was set back counts as time that has passed.
  if (!is_new && now >= at->second && now - at->second < std::chrono::minutes{1})
    return false;
  at->second = now;
  return true;
}

} // namespace muster::gateway
