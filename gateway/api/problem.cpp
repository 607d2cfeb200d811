#include "gateway/api/problem.hpp"

#include "gateway/http/problem.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace muster::gateway {

namespace {

struct known_problem {
  std::string_view code;
  problem_kind kind;
};

constexpr std::array<known_problem, 38> known_problems{{
    {"invalid_argument", {400, "The request is malformed"}},
    {"not_found", {404, "There is no such thing"}},
    {"conflict", {409, "Its state forbids the request"}},
    {"io_error", {500, "The operating system refused an operation"}},
    {"unavailable", {503, "Not now; trying again may work"}},
    {"timed_out", {504, "A deadline passed"}},
    {"canceled", {409, "It was canceled"}},
    {"unsupported", {422, "This service cannot do that"}},
    {"internal", {500, "A bug in Muster"}},
    {"invalid_spec", {422, "The spec breaks a rule"}},
    {"template_error", {422, "The template does not render"}},
    {"limit_exceeded", {422, "A limit was exceeded"}},
    {"store_locked", {503, "Another process writes to the store"}},
    {"store_corrupt", {500, "The store is damaged"}},
    {"store_full", {507, "The disk is full"}},
    {"store_version", {500, "The store was written by another version"}},
    {"never_fits", {422, "No node could ever hold it"}},
    {"start_failed", {500, "The command could not be started"}},
    {"sandbox_unavailable", {422, "The host permits no sandbox"}},
    {"warden_lost", {503, "The process that owns the tasks is gone"}},
    {"data_error", {500, "Data could not be linked or published"}},
    {"image_pull_failed", {500, "The image cannot be pulled"}},
    {"start_timeout", {504, "It did not start in time"}},
    {"unauthorized", {401, "A valid token is needed"}},
    {"forbidden", {403, "The token does not permit this"}},
    {"not_acceptable", {406, "It cannot be had in that form"}},
    {"unsupported_media_type", {415, "The body has a type that is not taken here"}},
    {"method_not_allowed", {405, "The method is not known here"}},
    {"precondition_failed", {412, "It has changed meanwhile"}},
    {"idempotency_mismatch", {422, "The key was used for another request"}},
    {"gone", {410, "It is not kept any more"}},
    {"payload_too_large", {413, "The body is too large"}},
    {"header_too_large", {431, "The header is too large"}},
    {"request_timeout", {408, "The request took too long to arrive"}},
    {"range_not_satisfiable", {416, "There is no such range"}},
    {"too_many_requests", {429, "Too many requests"}},
    {"not_ready", {503, "The service is not ready yet"}},
    {"precondition_required", {428, "A precondition is needed"}},
}};

/// Whether the text of such an error is for the operator alone.
bool is_private(ec code) {
  return code == ec::internal || code == ec::io_error || code == ec::store_corrupt || code == ec::store_version;
}

} // namespace

problem_kind kind_of_problem(std::string_view code) noexcept {
  for (const auto& x : known_problems)
    if (x.code == code)
      return x.kind;
  return {500, "A bug in Muster"};
}

http::response problem(std::string_view request_id, std::string_view code, std::string_view detail,
                       const nlohmann::ordered_json& more) {
  const auto kind = kind_of_problem(code);
  auto members = more;
  members["instance"] = request_id;
  auto out = http::problem(kind.status, code, kind.title, detail, members);
  if (kind.status == 401)
    out.headers.emplace("WWW-Authenticate", "Bearer realm=\"muster\"");
  if (kind.status == 503 || kind.status == 429)
    out.headers.emplace("Retry-After", "1");
  return out;
}

http::response problem(std::string_view request_id, std::string_view code, std::string_view detail) {
  return problem(request_id, code, detail, nlohmann::ordered_json::object());
}

http::response problem(std::string_view request_id, const error& what) {
  return problem(request_id, to_string(what.code),
                 is_private(what.code) ? "the service could not do this; its log says more, by this request's id"
                                       : std::string_view{what.message});
}

} // namespace muster::gateway
