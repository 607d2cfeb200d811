#include "gateway/api/submit_request.hpp"

#include "actors/runtime.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/idempotency.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/plan.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/routes.hpp"
#include "muster/spec/gangs.hpp"

#include <nlohmann/json.hpp>

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

/// None for what is only checked.
std::optional<std::string> digest_of_request(const http::request& x) {
  const auto wanted = read_submit_request(x);
  return wanted && !wanted->dry_run ? std::optional{digest_of(*wanted)} : std::nullopt;
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
  std::optional<store::idempotency_key> once;
  if (!wanted->dry_run) {
    auto claimed = claim_key(x, digest_of(*wanted));
    if (!claimed)
      return claimed.failure();
    once = std::move(*claimed);
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
  if (once) {
    once->answer = body.dump(-1, ' ', false, json::error_handler_t::replace);
    info.once = std::move(once);
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
            [](call& x) { return earlier_answer(x, [&] { return digest_of_request(x.request); }); });
  add_route(to, with, {"POST", "/v1/validate", access::read, nullptr, body_kind::spec}, validate);
}

} // namespace muster::gateway
