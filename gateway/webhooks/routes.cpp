#include "gateway/webhooks/routes.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/body.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/webhooks/dispatcher.hpp"
#include "gateway/webhooks/filter.hpp"
#include "gateway/webhooks/signature.hpp"
#include "gateway/webhooks/target.hpp"
#include "muster/event/json.hpp"

#include <nlohmann/json.hpp>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_names = 100; ///< In a filter.
constexpr std::size_t longest_name = 1024;
constexpr std::chrono::milliseconds test_timeout{10'000};

/// 96 random bits; `wh_` and 24 hex digits.
result<std::string> make_id() {
  std::array<unsigned char, 12> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return {ec::io_error, "no random bytes can be had for an id"};
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "wh_";
  for (const auto b : bytes)
    (out += hex[b >> 4U]) += hex[b & 15U];
  return out;
}

/// What is behind the host may be a secret: who else sees the webhook is not told.
std::string url_for(const identity& who, const store::webhook_record& x) {
  if (who.role == role::admin || who.user == x.user)
    return x.url;
  return without_path(x.url);
}

json to_json(const store::webhook_record& x, const identity& who) {
  return {{"id", x.id},
          {"url", url_for(who, x)},
          {"user", text_or_null(x.user)},
          {"token", text_or_null(x.token)},
          {"filter", to_public_json(webhook_filter_from(x.filter))},
          {"state", x.state == store::webhook_state::active ? "active" : "disabled"},
          {"reason", text_or_null(x.reason)},
          {"cursor", x.cursor.value},
          {"failures", x.failures},
          {"created", json_of(std::optional{x.created})},
          {"last", json_of(x.last)},
          {"next", json_of(x.next)},
          {"last_outcome", text_or_null(x.last_outcome)}};
}

json to_json(const store::dead_letter& x) {
  auto body = json::parse(x.body, nullptr, false);
  return {{"message", x.message},
          {"first", x.first.value},
          {"last", x.last.value},
          {"time", json_of(std::optional{x.time})},
          {"attempts", x.attempts},
          {"problem", x.problem},
          {"body", body.is_discarded() ? json(nullptr) : std::move(body)}};
}

/// The dispatcher, or why there is none.
result<webhook_dispatcher*> dispatcher_of(call& x) {
  if (auto engine = x.engine(); !engine)
    return engine.failure();
  if (!x.with.webhooks)
    return error{ec::unavailable, "this head delivers no webhooks"};
  return x.with.webhooks.get();
}

/// The webhook that the route names, if the caller may see it.
result<store::webhook_record> find(call& x) {
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  auto found = (*reader)->webhook(x.segment("id"));
  if (found && !may_see(x.who, found->user))
    return error{ec::not_found, "there is no webhook " + x.segment("id")};
  return found;
}

/// A list of texts, or one text.
result<std::vector<std::string>> names_of(const json& x, const char* key) {
  std::vector<std::string> out;
  const auto wrong = [key] {
    return error{ec::invalid_argument, "filter." + std::string{key} + " must be a list of names"};
  };
  if (x.is_string() && x.get_ref<const std::string&>().size() <= longest_name)
    return std::vector<std::string>{x.get<std::string>()};
  if (!x.is_array())
    return wrong();
  for (const auto& one : x) {
    if (!one.is_string() || one.get_ref<const std::string&>().size() > longest_name)
      return wrong();
    out.push_back(one.get<std::string>());
  }
  if (out.size() > most_names)
    return error{ec::invalid_argument, "filter." + std::string{key} + " names too many"};
  return out;
}

result<webhook_filter> read_filter(call& x, const json& from) {
  webhook_filter out;
  if (!from.is_object())
    return error{ec::invalid_argument, "filter must be an object"};
  for (const auto& [key, value] : from.items()) {
    if (key != "types" && key != "workflow" && key != "workflows")
      return error{ec::invalid_argument,
                   "filter has an unknown member " + key.substr(0, longest_name) + "; there are types and workflows"};
    auto names = names_of(value, key.c_str());
    if (!names)
      return names.failure();
    auto& into = key == "types" ? out.types : out.workflows;
    into.insert(into.end(), names->begin(), names->end());
  }
  event_filter check;
  if (auto done = set_types(check, out.types); !done)
    return done.failure();
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  for (const auto& id : out.workflows) {
    const auto found = (*reader)->workflow(id);
    if (!found && found.failure().code != ec::not_found)
      return found.failure();
    if (!found || !may_see(x.who, found->user))
      return error{ec::invalid_argument, "there is no workflow " + id};
    out.keys.push_back(found->key);
  }
  return out;
}

result<store::webhook_record> read_body(call& x, bool allow_private) {
  const auto parsed = parse_json(x.request.body);
  if (!parsed)
    return parsed.failure();
  const auto& body = *parsed;
  if (!body.is_object())
    return error{ec::invalid_argument, "the body must be a JSON object with url"};
  store::webhook_record out;
  webhook_filter filter;
  for (const auto& [key, value] : body.items()) {
    if (key == "url" && value.is_string()) {
      out.url = value.get<std::string>();
    } else if (key == "filter") {
      auto read = read_filter(x, value);
      if (!read)
        return read.failure();
      filter = std::move(*read);
    } else {
      return error{ec::invalid_argument, "the body has a member " + key.substr(0, longest_name) +
                                             " that is unknown or of the wrong type; "
                                             "there are url and filter"};
    }
  }
  if (auto good = check_webhook_url(out.url, allow_private); !good)
    return good.failure();
  out.filter = to_text(filter);
  return out;
}

result<http::response> create(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  auto dispatcher = dispatcher_of(x);
  if (!dispatcher)
    return dispatcher.failure();
  const auto limits = (*dispatcher)->limits();
  auto made = read_body(x, limits.allow_private);
  if (!made)
    return made.failure();
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  const auto others = (*reader)->webhooks(0, limits.most);
  if (!others)
    return others.failure();
  if (others->size() >= limits.most)
    return error{ec::conflict, "there are " + std::to_string(limits.most) + " webhooks already; delete one first"};
  if (const auto user = share_of(x.who)) {
    const auto share = std::max<std::size_t>(1, limits.most / 4);
    const auto own = (*reader)->webhooks(0, share, user);
    if (!own)
      return own.failure();
    if (own->size() >= share)
      return error{ec::conflict, "user " + *user + " has " + std::to_string(share) +
                                     " webhooks already, which is the share of one; delete one first"};
  }
  made->cursor = x.seen().value_or(sequence{});
  x.release();
  auto id = make_id();
  auto secret = make_webhook_secret();
  if (!id || !secret)
    return id ? secret.failure() : id.failure();
  made->id = *id;
  made->user = x.who.user;
  made->token = x.who.token;
  made->sees_all = !sees_own_only(x.who);
  made->created = x.with.now();
  if (const auto stored = (*dispatcher)->record(store::webhook_created{*made, *secret}); !stored)
    return stored.failure();
  (*dispatcher)->reload();
  x.made = made->id;
  auto body = to_json(*made, x.who);
  body["secret"] = *secret; // Shown this once.
  auto out = json_response(201, body);
  out.headers.emplace("Location", "/v1/webhooks/" + made->id);
  return out;
}

result<http::response> list(call& x) {
  query_reader query{x.request};
  const auto limit = query.limit();
  const auto first = cursor_of(query, "webhooks");
  if (!limit || !first)
    return limit ? first.failure() : limit.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  const auto user = sees_own_only(x.who) ? std::optional{x.who.user} : std::nullopt;
  const auto found = (*reader)->webhooks(static_cast<std::int64_t>(first->value_or(0)), *limit, user);
  if (!found)
    return found.failure();
  json items = json::array();
  for (const auto& one : *found)
    items.push_back(to_json(one, x.who));
  json next = nullptr;
  if (found->size() == *limit)
    next = make_cursor("webhooks", static_cast<std::uint64_t>(found->back().number));
  return json_response(200, {{"items", std::move(items)}, {"next", std::move(next)}});
}

result<http::response> get(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto found = find(x);
  if (!found)
    return found.failure();
  return json_response(200, to_json(*found, x.who));
}

result<http::response> remove(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  auto dispatcher = dispatcher_of(x);
  if (!dispatcher)
    return dispatcher.failure();
  const auto found = find(x);
  if (!found)
    return found.failure();
  x.release();
  if (const auto done = (*dispatcher)->record(store::webhook_deleted{found->id}); !done)
    return done.failure();
  (*dispatcher)->reload();
  http::response out;
  out.status = 204;
  return out;
}

result<http::response> list_dead(call& x) {
  query_reader query{x.request};
  const auto limit = query.limit();
  const auto of = "dead " + x.segment("id");
  const auto before = cursor_of(query, of);
  if (!limit || !before)
    return limit ? before.failure() : limit.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto hook = find(x);
  if (!hook)
    return hook.failure();
  const auto reader = x.state();
  const auto found = (*reader)->dead_letters(hook->id, static_cast<std::int64_t>(before->value_or(0)), *limit);
  if (!found)
    return found.failure();
  json items = json::array();
  for (const auto& one : *found)
    items.push_back(to_json(one));
  json next = nullptr;
  if (found->size() == *limit)
    next = make_cursor(of, static_cast<std::uint64_t>(found->back().number));
  return json_response(200, {{"items", std::move(items)}, {"next", std::move(next)}});
}

/// What became of a test, once it is known.
class test_answer {
public:
  void give(const post_outcome& x) {
    http::waker wake;
    {
      const std::lock_guard lock{mutex_};
      got_ = x;
      wake = wake_;
    }
    if (wake)
      wake();
  }
  void on_given(http::waker wake) {
    const std::lock_guard lock{mutex_};
    wake_ = std::move(wake);
  }
  [[nodiscard]] std::optional<post_outcome> get() const {
    const std::lock_guard lock{mutex_};
    return got_;
  }

private:
  mutable std::mutex mutex_;
  std::optional<post_outcome> got_;
  http::waker wake_;
};

/// The answer to the request for a test: it comes when the webhook has answered, or has not.
class test_stream final : public http::body_stream {
public:
  test_stream(std::shared_ptr<test_answer> from, std::chrono::milliseconds longest)
      : from_(std::move(from)), until_(std::chrono::steady_clock::now() + longest) {}

  void start(http::waker wake) override { from_->on_given(std::move(wake)); }

  next produce(std::string& out, std::size_t /*room*/) override {
    auto got = from_->get();
    if (!got && std::chrono::steady_clock::now() < until_)
      return next::wait;
    if (!got)
      got = post_outcome{0, "no answer in time", {}};
    out += json{{"ok", got->is_good()},
                {"status", got->status == 0 ? json(nullptr) : json(got->status)},
                {"problem", got->problem}}
               .dump(-1, ' ', false, json::error_handler_t::replace) +
           '\n';
    return next::end;
  }

  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> deadline() const override { return until_; }

private:
  const std::shared_ptr<test_answer> from_;
  const std::chrono::steady_clock::time_point until_;
};

/// Posts a message of its own, once, and says what became of it. Whoever is asked may be slow: no thread waits for it.
result<http::response> test(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  auto dispatcher = dispatcher_of(x);
  if (!dispatcher)
    return dispatcher.failure();
  const auto found = find(x);
  if (!found)
    return found.failure();
  const auto reader = x.state();
  const auto secret = (*reader)->webhook_secret(found->id);
  if (!secret)
    return secret.failure();
  x.release();
  const auto now = x.with.now();
  const auto id = make_id();
  if (!id)
    return id.failure();
  auto body = json{{"type", "muster.test"}, {"timestamp", to_rfc3339(now)}, {"data", json::object()}}.dump();
  auto post = make_post((*dispatcher)->limits(), found->url, *secret, "msg_test_" + *id, std::move(body), now);
  if (!post)
    return post.failure();
  post->timeout = std::min(post->timeout, test_timeout);
  auto answer = std::make_shared<test_answer>();
  if (!(*dispatcher)->test(std::move(*post), [answer](const post_outcome& got) { answer->give(got); }))
    return problem(x.request.id, "too_many_requests", "too many webhooks are being tested; try again");
  http::response out;
  out.headers.emplace("Content-Type", "application/json");
  out.stream = std::make_unique<test_stream>(std::move(answer), test_timeout + std::chrono::seconds{2});
  return out;
}

} // namespace

void add_webhook_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"POST", "/v1/webhooks", access::write, "webhook.create"}, create);
  add_route(to, with, {"GET", "/v1/webhooks", access::read}, list);
  add_route(to, with, {"GET", "/v1/webhooks/{id}", access::read}, get);
  add_route(to, with, {"DELETE", "/v1/webhooks/{id}", access::write, "webhook.delete"}, remove);
  add_route(to, with, {"POST", "/v1/webhooks/{id}/test", access::write, "webhook.test"}, test);
  add_route(to, with, {"GET", "/v1/webhooks/{id}/dead", access::read}, list_dead);
}

} // namespace muster::gateway
