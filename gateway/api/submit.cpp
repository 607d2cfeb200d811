#include "gateway/api/submit_request.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/plan.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/routes.hpp"
#include "muster/base/sha256.hpp"
#include "muster/spec/gangs.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <variant>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_groups_shown = 1000;

/// 422 with everything that is wrong, and where.
http::response refuse_spec(const call& x, const spec::load_outcome& outcome) {
  const auto count = outcome.errors.size();
  auto detail = count == 0 ? std::string{"the spec cannot be read"} : outcome.errors.front().message;
  if (count > 1)
    detail += " (and " + std::to_string(count - 1) + " more, see errors)";
  return problem(x.request.id, "invalid_spec", detail,
                 {{"errors", json_of(outcome.errors)}, {"warnings", json_of(outcome.warnings)}});
}

/// The key under which the request may be sent again; none if it has no `Idempotency-Key`.
result<std::optional<store::idempotency_key>> key_of(const call& x) {
  constexpr std::size_t longest = 255;
  const auto header = x.request.header("Idempotency-Key");
  if (!header)
    return std::optional<store::idempotency_key>{};
  const bool printable = std::all_of(header->begin(), header->end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (header->empty() || header->size() > longest || !printable)
    return {ec::invalid_argument, "Idempotency-Key: expected 1 to 255 printable characters of ASCII"};
  sha256 digest;
  digest.add_field(x.request.header("Content-Type").value_or(""));
  for (const auto& [name, value] : x.request.query) {
    digest.add_field(name);
    digest.add_field(value);
  }
  digest.add_field(x.request.body);
  return std::optional{store::idempotency_key{x.who.user, std::string{*header}, digest.hex(), {}}};
}

/// What was accepted, or accepted before: `replayed` says so.
http::response accepted(const std::string& id, json body, bool replayed) {
  body["id"] = id;
  auto out = json_response(replayed ? 200 : 201, body);
  out.headers.emplace("Location", "/v1/workflows/" + id);
  if (replayed)
    out.headers.emplace("Idempotent-Replayed", "true");
  return out;
}

/// What was accepted under this key before, if it is remembered.
result<std::optional<store::idempotency_record>> remembered(call& x, const store::idempotency_key& key) {
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  auto found = (*reader)->idempotent(key.user, key.key);
  x.release();
  if (found && *found && x.with.now() - (*found)->created >= store::idempotency_span)
    found->reset();
  return found;
}

/// The answer that was given to this very request before. Asked before anything else, so that a submission that was
/// accepted is told so whatever has changed since: it may have no room any more to be written down.
std::optional<http::response> earlier_answer(call& x) {
  const auto once = key_of(x);
  if (!once || !*once)
    return std::nullopt;
  const auto found = remembered(x, **once);
  if (!found || !*found || (*found)->sent.digest != (*once)->digest)
    return std::nullopt; // What is wrong is found again, and said.
  auto body = json_of_text((*found)->sent.answer);
  return accepted((*found)->id, body.is_object() ? std::move(body) : json::object(), true);
}

/// Refuses inputs from workflows that the caller may not see. They are told as if there were none.
result<void> check_inputs(call& x, const spec::workflow& workflow) {
  if (!sees_own_only(x.who))
    return {};
  std::set<std::string> ids;
  for (const auto* gang : spec::gangs_of(workflow))
    for (const auto& task : gang->tasks)
      for (const auto& input : task.inputs)
        if (const auto* from = std::get_if<spec::task_input>(&input.from); from != nullptr && !from->workflow.empty())
          ids.insert(from->workflow);
  if (ids.empty())
    return {};
  const auto reader = x.state();
  if (!reader)
    return reader.failure();
  for (const auto& id : ids) {
    const auto found = (*reader)->workflow(id);
    if (!found && found.failure().code != ec::not_found)
      return found.failure();
    if (!found || !may_see(x.who, found->user))
      return {ec::invalid_spec, "an input is of " + id + ", and there is no workflow of that id"};
  }
  x.release();
  return {};
}

/// `notes`: what a submission would say; null where nobody was asked.
result<http::response> tell_plan(const spec::load_outcome& spec, json notes) {
  auto plan = plan_of(*spec.workflow, most_groups_shown);
  if (!plan)
    return plan.failure();
  return json_response(200, {{"valid", true},
                             {"errors", json::array()},
                             {"warnings", json_of(spec.warnings)},
                             {"notes", std::move(notes)},
                             {"plan", std::move(*plan)}});
}

result<http::response> submit(call& x) {
  const auto wanted = read_submit_request(x.request);
  if (!wanted)
    return wanted.failure();
  auto once = key_of(x);
  if (!once)
    return once.failure();
  if (*once && !wanted->dry_run) {
    const auto before = remembered(x, **once);
    if (!before)
      return before.failure();
    if (*before && (*before)->sent.digest != (*once)->digest)
      return error{ec::idempotency_mismatch,
                   "this Idempotency-Key was used for another request, which became " + (*before)->id};
  }
  const auto engine = x.engine();
  if (!engine)
    return engine.failure();
  std::optional<places::place> place;
  if (wanted->dry_run) {
    auto taken = x.with.checks.take(share_of(x.who));
    if (!taken)
      return taken.failure();
    place.emplace(std::move(*taken));
  }
  const auto spec = load_spec(*wanted);
  if (!spec.ok())
    return refuse_spec(x, spec);
  if (auto good = check_inputs(x, *spec.workflow); !good)
    return good.failure();
  if (wanted->dry_run) {
    const auto notes = (*engine)->check(*spec.workflow, wanted->pool, {wanted->priority, x.who.user});
    return notes ? tell_plan(spec, *notes) : result<http::response>{notes.failure()};
  }
  json body{{"id", ""}, {"notes", json::array()}, {"warnings", json_of(spec.warnings)}};
  submission_info info;
  info.spec_text = wanted->spec;
  info.profile = to_string(wanted->profile);
  info.options = options_of(*wanted);
  info.user = x.who.user;
  info.pool = wanted->pool;
  info.priority = wanted->priority;
  if (*once) {
    (*once)->answer = body.dump(-1, ' ', false, json::error_handler_t::replace);
    info.once = std::move(**once);
  }
  const auto done = (*engine)->submit(*spec.workflow, std::move(info));
  if (!done)
    return done.failure();
  x.made = done->id;
  if (!done->is_replay)
    body["notes"] = done->notes;
  return accepted(done->id, std::move(body), done->is_replay);
}

/// Says what is wrong with a spec, or what it would run; nothing is submitted.
result<http::response> validate(call& x) {
  const auto place = x.with.checks.take(share_of(x.who));
  if (!place)
    return place.failure();
  const auto wanted = read_submit_request(x.request);
  if (!wanted)
    return wanted.failure();
  const auto spec = load_spec(*wanted);
  if (spec.ok())
    return tell_plan(spec, nullptr);
  return json_response(200, {{"valid", false},
                             {"errors", json_of(spec.errors)},
                             {"warnings", json_of(spec.warnings)},
                             {"notes", nullptr},
                             {"plan", nullptr}});
}

} // namespace

void add_submit_routes(http::router& to, const std::shared_ptr<services>& with) {
  add_route(to, with, {"POST", "/v1/workflows", access::write, "workflow.submit", body_kind::spec}, submit,
            earlier_answer);
  add_route(to, with, {"POST", "/v1/validate", access::read, nullptr, body_kind::spec}, validate);
}

} // namespace muster::gateway
