#include "gateway/api/call.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/problem.hpp"
#include "muster/base/log.hpp"
#include "muster/base/utf8.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <utility>

namespace muster::gateway {

namespace {

/// Longer than any id or name can be; what is longer is not looked for.
constexpr std::size_t longest_name = 1024;

http::response answer_of(call& x, const action& answer) {
  auto done = answer(x);
  return done ? std::move(*done) : problem(x.request.id, done.failure());
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

result<store::workflow_record> call::workflow() {
  const auto& id = segment("id");
  if (id.size() > longest_name || !is_utf8(id))
    return {ec::not_found, "there is no such workflow"};
  const auto reader = state();
  if (!reader)
    return reader.failure();
  auto found = (*reader)->workflow(id);
  // What is near to it may be somebody else's.
  if (!found && found.failure().code == ec::not_found && who.role == role::user)
    return {ec::not_found, "there is no workflow " + id};
  return found;
}

result<store::group_record> call::group(const store::workflow_record& of) {
  const auto& name = segment("group");
  if (name.size() > longest_name || !is_utf8(name))
    return {ec::not_found, "there is no such group in " + of.id};
  const auto reader = state();
  if (!reader)
    return reader.failure();
  return (*reader)->group(of.key, name);
}

result<store::task_record> call::task(const store::workflow_record& of) {
  const auto& name = segment("task");
  if (name.size() > longest_name || !is_utf8(name))
    return {ec::not_found, "there is no such task in " + of.id};
  const auto reader = state();
  if (!reader)
    return reader.failure();
  return (*reader)->task(of.key, name);
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

void add_route(http::router& to, const std::shared_ptr<services>& with, const route& where, action answer) {
  to.add(where.method, where.path, [with, where, answer = std::move(answer)](http::request& asked) {
    const auto began = std::chrono::steady_clock::now();
    call x{asked, *with, identity{}};
    auto out = answer_of(x, answer);
    set_common(out, x);
    log_answer(x, where, out, std::chrono::steady_clock::now() - began);
    return out;
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
