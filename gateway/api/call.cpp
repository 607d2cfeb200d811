#include "gateway/api/call.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/body.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/auth/authority.hpp"
#include "gateway/http/server.hpp"
#include "muster/base/log.hpp"
#include "muster/base/utf8.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <utility>

namespace muster::gateway {

namespace {

/// What is longer is not looked for. A task deep in nested workflows has a name of many parts: 64 levels, each with a
/// step and perhaps a branch and an element, come to thousands of bytes. A longer one has no room in a target.
constexpr std::size_t longest_name = http::server_limits{}.target_bytes;

/// What went wrong. The client is told no more than it may know, so the whole of it goes to the log.
http::response refuse(const call& x, const error& why) {
  // Where nobody serves, whoever asks is whose process this is: there is nothing to keep from them.
  if (x.with.engine == nullptr && !x.with.access)
    return problem(x.request.id, to_string(why.code), why.message);
  if (kind(why.code) == error_kind::bug || why.code == ec::io_error || why.code == ec::store_corrupt)
    log::error("api", "request failed",
               {{"code", to_string(why.code)}, {"message", why.message}, {"request", x.request.id}});
  return problem(x.request.id, why);
}

http::response answer_of(call& x, const action& answer) {
  auto done = answer(x);
  return done ? std::move(*done) : refuse(x, done.failure());
}

void set_missing(http::header_map& headers, const char* name, std::string value) {
  if (headers.find(name) == headers.end())
    headers.emplace(name, std::move(value));
}

void set_common(http::response& out, const call& x) {
  set_missing(out.headers, "X-Request-Id", x.request.id);
  set_missing(out.headers, "Cache-Control", "no-store");
  if (!x.with.log_id.empty())
    set_missing(out.headers, "X-Muster-Log-Id", x.with.log_id);
  if (x.seen() && out.status < 400)
    set_missing(out.headers, "X-Muster-Seq", std::to_string(x.seen()->value));
}

const char* types_taken(body_kind x) {
  switch (x) {
    case body_kind::spec: return "application/yaml, application/json or multipart/form-data";
    case body_kind::patch: return "application/merge-patch+json or application/json";
    case body_kind::json: break;
  }
  return "application/json";
}

/// The answer to a body of a type that is not taken.
std::optional<http::response> check_type(const call& x, const route& where) {
  if (x.request.body.empty() && where.takes == body_kind::json)
    return std::nullopt;
  const auto type = media_type(x.request);
  if (type == "application/json" || (where.takes == body_kind::spec && is_type_of_spec(type)) ||
      (where.takes == body_kind::patch && type == "application/merge-patch+json"))
    return std::nullopt;
  return problem(x.request.id, "unsupported_media_type",
                 (type.empty() ? "the body has no Content-Type" : "a body of the type '" + type.substr(0, 80) + "'") +
                     std::string{" is not taken here; send "} + types_taken(where.takes));
}

/// Finds out who asks; the answer, if they may not.
std::optional<http::response> admit(call& x, const route& where) {
  if (!x.with.access)
    return std::nullopt;
  if (where.needs == access::open ||
      (where.needs == access::local && (x.with.public_metrics || x.with.access->is_from_here(x.request)))) {
    const auto why = x.with.access->refusal_of_host(x.request);
    return why ? std::optional{problem(x.request.id, why->code, why->detail)} : std::nullopt;
  }
  const auto find = [&x](std::string_view hash) -> result<std::optional<store::token_record>> {
    auto reader = x.with.readers.take();
    return reader ? (*reader)->token_of(hash) : result<std::optional<store::token_record>>{reader.failure()};
  };
  auto verdict = x.with.access->identify(x.request, find, x.with.now());
  if (!verdict)
    return problem(x.request.id, verdict.failure());
  if (!verdict->who)
    return problem(x.request.id, verdict->why.code, verdict->why.detail);
  x.who = std::move(*verdict->who);
  if (verdict->note_use && x.with.engine != nullptr)
    x.with.engine->note(store::tokens_used{{{x.who.token, x.with.now()}}});
  const bool may = where.needs == access::read || where.needs == access::local || x.who.role == role::admin ||
                   (where.needs == access::write && x.who.role == role::user);
  if (!may)
    return problem(x.request.id, "forbidden",
                   std::string{"this needs the role "} + (where.needs == access::admin ? "admin" : "user or admin"));
  return std::nullopt;
}

/// Carries out what changes something: it is written down before, and how it went after.
http::response audited(call& x, const route& where, const action& answer) {
  const auto engine = x.engine();
  if (!engine)
    return problem(x.request.id, engine.failure());
  store::audit_record row;
  row.time = x.with.now();
  row.user = x.who.user;
  row.token = x.who.token;
  row.peer = x.request.peer;
  row.action = where.audit;
  for (const auto& [name, value] : x.request.segments)
    if (value.size() <= longest_name && is_utf8(value))
      row.target += (row.target.empty() ? "" : " ") + value;
  row.request = x.request.id;
  const auto number = (*engine)->record(store::audit_begun{std::move(row)});
  if (!number)
    return problem(x.request.id, number.failure());
  std::string outcome = "ok";
  const auto end = [&] {
    (*engine)->note(store::audit_ended{*number, std::move(outcome), x.with.now(), std::move(x.made)});
  };
  try {
    auto done = answer(x);
    auto out = done ? std::move(*done) : refuse(x, done.failure());
    if (!done)
      outcome = to_string(done.failure().code);
    else if (out.status >= 400)
      outcome = "refused with " + std::to_string(out.status);
    end();
    return out;
  } catch (...) { // A bug; the server answers and logs it.
    outcome = to_string(ec::internal);
    end();
    throw;
  }
}

} // namespace

call::call(http::request& asked, services& all, identity asks) : request(asked), with(all), who(std::move(asks)) {}

result<store::reader*> call::state() {
  if (lease_)
    return &**lease_;
  auto taken = with.readers.take();
  if (!taken)
    return taken.failure();
  lease_.emplace(std::move(*taken));
  auto frozen = (*lease_)->freeze();
  if (!frozen) {
    lease_.reset();
    return frozen.failure();
  }
  snapshot_.emplace(std::move(*frozen));
  seen_ = snapshot_->at();
  return &**lease_;
}

void call::release() {
  snapshot_.reset();
  lease_.reset();
}

const std::string& call::segment(const char* name) const {
  static const std::string none;
  const auto found = request.segments.find(name);
  return found == request.segments.end() ? none : found->second;
}

result<std::string> call::checked_name(const char* segment_name) const {
  const auto& name = segment(segment_name);
  if (name.size() > longest_name || !is_utf8(name))
    return {ec::not_found,
            "there is no such " + std::string{segment_name == std::string_view{"id"} ? "workflow" : segment_name}};
  return name;
}

result<store::workflow_record> call::workflow() {
  const auto id = checked_name("id");
  if (!id)
    return id.failure();
  const auto reader = state();
  if (!reader)
    return reader.failure();
  auto found = (*reader)->workflow(*id);
  // What is near to it may be somebody else's, and so may it be itself.
  const bool hidden = found ? !may_see(who, found->user) : found.failure().code == ec::not_found && sees_own_only(who);
  if (hidden)
    return {ec::not_found, "there is no workflow " + *id};
  return found;
}

result<store::group_record> call::group(const store::workflow_record& of) {
  const auto name = checked_name("group");
  if (!name)
    return name.failure();
  const auto reader = state();
  if (!reader)
    return reader.failure();
  return (*reader)->group(of.key, *name);
}

result<store::task_record> call::task(const store::workflow_record& of, std::optional<std::uint64_t> hint) {
  const auto name = checked_name("task");
  if (!name)
    return name.failure();
  const auto reader = state();
  if (!reader)
    return reader.failure();
  if (hint && *hint < of.tasks) {
    auto there = (*reader)->tasks(of.key, task_index{static_cast<std::uint32_t>(*hint)}, 1);
    if (there && !there->empty() && there->front().name == *name)
      return std::move(there->front());
  }
  return (*reader)->task(of.key, *name);
}

result<runtime*> call::engine() const {
  if (with.engine == nullptr)
    return {ec::unavailable, "nothing can be changed here: no head runs on this state directory"};
  if (const auto why = with.engine->failure())
    return {why->code == ec::store_full ? ec::store_full : ec::unavailable,
            "the head cannot go on: it must be restarted"};
  return with.engine;
}

namespace {

/// One line for each request, by the pattern of its route: ids stand in what the actors log.
void log_answer(const call& x, const route& where, const http::response& out, std::chrono::nanoseconds took) {
  log::info("api", "request answered",
            {{"method", where.method},
             {"route", where.path},
             {"status", out.status},
             {"ms", std::chrono::duration<double, std::milli>(took).count()},
             {"user", x.who.user},
             {"peer", x.request.peer},
             {"request", x.request.id}});
}

} // namespace

void add_route(http::router& to, const std::shared_ptr<services>& with, const route& where, action answer,
               recall before) {
  to.add(where.method, where.path,
         [with, where, answer = std::move(answer), before = std::move(before)](http::request& asked) {
           const auto began = std::chrono::steady_clock::now();
           call x{asked, *with, identity{}};
           auto out = admit(x, where);
           if (!out)
             out = check_type(x, where);
           if (!out && before)
             out = before(x);
           if (!out)
             out = where.audit == nullptr ? answer_of(x, answer) : audited(x, where, answer);
           set_common(*out, x);
           log_answer(x, where, *out, std::chrono::steady_clock::now() - began);
           return std::move(*out);
         });
}

http::response json_response(unsigned status, const nlohmann::ordered_json& body) {
  http::response out;
  out.status = status;
  out.headers.emplace("Content-Type", "application/json");
  out.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  return out;
}

} // namespace muster::gateway
