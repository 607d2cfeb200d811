#pragma once

#include "gateway/api/services.hpp"
#include "gateway/auth/identity.hpp"
#include "gateway/http/router.hpp"
#include "muster/base/result.hpp"
#include "muster/store/records.hpp"

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace muster::gateway {

/// One request that is being answered.
class call {
public:
  call(http::request& asked, services& all, identity asks);

  http::request& request;
  services& with;
  identity who;
  /// What the audit log is to name beside what the path names: the id of what was made.
  std::string made{};

  /// One state of the store, the same until `release`; the answer will carry its sequence. `not_found` if there is no
  /// store.
  [[nodiscard]] result<store::reader*> state();
  /// Lets go of that state and its reader: before anything that takes its time.
  void release();
  /// The sequence of that state, once it was asked for.
  [[nodiscard]] std::optional<sequence> seen() const noexcept { return seen_; }

  /// What the route's `{name}` matched.
  [[nodiscard]] const std::string& segment(const char* name) const;

  /// The workflow that the route's `{id}` names. `not_found` as well if it is not for this caller to see.
  [[nodiscard]] result<store::workflow_record> workflow();
  /// Its group that the route's `{group}` names.
  [[nodiscard]] result<store::group_record> group(const store::workflow_record& of);
  /// Its task that the route's `{task}` names. `hint`, where it may be found at once; wherever that is, the name
  /// counts.
  [[nodiscard]] result<store::task_record> task(const store::workflow_record& of,
                                                std::optional<std::uint64_t> hint = {});

  /// The text of a segment that may be a name: `not_found` if nothing could have it.
  [[nodiscard]] result<std::string> checked_name(const char* segment_name) const;

  /// The runtime; `unavailable` if there is none, or if it has failed.
  [[nodiscard]] result<muster::runtime*> engine() const;

private:
  std::optional<reader_pool::lease> lease_;
  std::optional<store::reader::snapshot> snapshot_;
  std::optional<sequence> seen_;
};

/// Answers one request; an error becomes a problem document.
using action = std::function<result<http::response>(call&)>;

/// Who may ask.
enum class access : std::uint8_t {
  open = 0,  ///< Anybody, without a token.
  read = 1,  ///< Any token.
  write = 2, ///< Users and admins.
  admin = 3,
  local = 4, ///< Anybody on this machine; any token from elsewhere.
};

/// What the body of a request may be.
enum class body_kind : std::uint8_t {
  json = 0,  ///< `application/json`, if there is a body at all.
  spec = 1,  ///< YAML, JSON or a form with files; there must be a body.
  patch = 2, ///< `application/merge-patch+json` or `application/json`; there must be a body.
};

/// How a route is reached.
struct route {
  const char* method;
  const char* path;
  access needs = access::read;
  /// What is written into the audit log before it is carried out, such as `workflow.cancel`; null for what changes
  /// nothing.
  const char* audit = nullptr;
  body_kind takes = body_kind::json;
};

/// The answer to a request that was carried out before, if it is known by what the request says of itself.
using recall = std::function<std::optional<http::response>(call&)>;

/// Adds a route whose answers carry `X-Request-Id`, `X-Muster-Log-Id`, `X-Muster-Seq` and `Cache-Control`.
///
/// What `before` recalls is answered without anything being changed, and so without a row of the audit log.
void add_route(http::router& to, const std::shared_ptr<services>& with, const route& where, action answer,
               recall before = {});

/// An answer in JSON.
[[nodiscard]] http::response json_response(unsigned status, const nlohmann::ordered_json& body);

} // namespace muster::gateway
