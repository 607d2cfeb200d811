#include "actors/runtime.hpp"
#include "gateway/api/body.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/auth/issue.hpp"
#include "gateway/webhooks/dispatcher.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

json row_of(const store::audit_record& x) {
  const auto or_null = [](const std::string& text) { return text.empty() ? json(nullptr) : json(text); };
  return {{"number", x.number},
          {"time", json_of(std::optional{x.time})},
          {"user", or_null(x.user)},
          {"token", or_null(x.token)},
          {"peer", x.peer},
          {"action", x.action},
          {"target", or_null(x.target)},
          {"request", x.request},
          {"ended", json_of(x.ended)},
          {"outcome", or_null(x.outcome)}};
}

result<token_request> read_request(call& x) {
  const auto body = json_body(x.request, {"name", "user", "role", "node", "expires_in"});
  if (!body)
    return body.failure();
  token_request out;
  for (const auto& [name, into] :
       {std::pair{"name", &out.name}, {"user", &out.user}, {"role", &out.role}, {"node", &out.node}})
    if (auto taken = take_text(*body, name, *into); !taken)
      return taken.failure();
  if (const auto found = body->find("expires_in"); found != body->end() && !found->is_null()) {
    constexpr std::int64_t longest = std::int64_t{10} * 366 * 86'400;
    if (!found->is_number_integer() || *found < 1 || *found > longest)
      return {ec::invalid_argument, "'expires_in': expected a whole number of seconds, at most ten years"};
    out.lifetime = std::chrono::seconds{found->get<std::int64_t>()};
  }
  return out;
}

/// The only answer that ever holds the token itself.
result<http::response> create_token(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto wanted = read_request(x);
  if (!wanted)
    return wanted.failure();
  const auto made = issue_token(*wanted, x.with.now());
  if (!made)
    return made.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  if (auto done = (*engine)->record(store::token_created{made->record}); !done)
    return done.failure();
  x.made = made->record.id;
  auto out = json_response(201, json_of(*made));
  out.headers.emplace("Location", "/v1/tokens/" + made->record.id);
  return out;
}

/// A page of rows of that list, the newest first. `query` has been read but for its cursor.
template <class Query, class Row>
result<http::response> list_newest(call& x, query_reader& query, const std::string& list, Query wanted,
                                   result<std::vector<Row>> (store::reader::*read)(const Query&),
                                   json (*view)(const Row&)) {
  const auto before = cursor_of(query, list);
  if (!before)
    return before.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  wanted.before = static_cast<std::int64_t>(before->value_or(0));
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  const auto found = ((**reader).*read)(wanted);
  if (!found)
    return found.failure();
  auto items = json::array();
  for (const auto& one : *found)
    items.push_back(view(one));
  std::optional<std::string> next;
  if (found->size() == wanted.limit)
    next = make_cursor(list, static_cast<std::uint64_t>(found->back().number));
  return json_response(200, page_of(std::move(items), next));
}

/// All of them for admins, else the caller's own.
result<http::response> list_tokens(call& x) {
  query_reader query{x.request};
  const auto user = query.text("user");
  const auto limit = query.limit();
  if (!user)
    return user.failure();
  if (!limit)
    return limit.failure();
  store::token_query wanted;
  wanted.user = x.who.role == role::admin ? *user : std::optional{x.who.user};
  wanted.limit = *limit;
  return list_newest(x, query, "tokens " + wanted.user.value_or("*"), wanted, &store::reader::tokens, json_of);
}

/// The token of the route, if it is the caller's to see.
result<store::token_record> token_of(call& x) {
  const auto id = x.checked_name("token");
  if (!id)
    return id.failure();
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  auto found = (*reader)->token(*id);
  if (!found && found.failure().code != ec::not_found)
    return found.failure();
  if (!found || (x.who.role != role::admin && found->user != x.who.user))
    return {ec::not_found, "there is no token " + *id};
  return found;
}

result<http::response> get_token(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto token = token_of(x);
  return token ? result<http::response>{json_response(200, json_of(*token))} : token.failure();
}

/// It counts no more from now on; its row stays, so that the audit log can be read.
result<http::response> revoke_token(call& x) {
  if (auto known = query_reader{x.request}.finish(); !known)
    return known.failure();
  const auto token = token_of(x);
  if (!token)
    return token.failure();
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  x.release();
  if (auto done = (*engine)->record(store::token_revoked{token->id, x.with.now()}); !done)
    return done.failure();
  if (x.with.webhooks)
    x.with.webhooks->reload(); // Those that were made by it end with it.
  http::response out;
  out.status = 204;
  return out;
}

result<http::response> list_audit(call& x) {
  query_reader query{x.request};
  const auto user = query.text("user");
  const auto action = query.text("action");
  const auto limit = query.limit();
  if (!user)
    return user.failure();
  if (!action)
    return action.failure();
  if (!limit)
    return limit.failure();
  const store::audit_query wanted{*user, action->value_or(""), 0, *limit};
  return list_newest(x, query, "audit " + user->value_or("*") + " " + wanted.action, wanted, &store::reader::audit,
                     row_of);
}

} // namespace

void add_token_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"POST", "/v1/tokens", access::admin, "token.create"}, create_token);
  add_route(to, with, {"GET", "/v1/tokens"}, list_tokens);
  add_route(to, with, {"GET", "/v1/tokens/{token}"}, get_token);
  add_route(to, with, {"DELETE", "/v1/tokens/{token}", access::read, "token.revoke"}, revoke_token);
  add_route(to, with, {"GET", "/v1/audit", access::admin}, list_audit);
}

} // namespace muster::gateway
