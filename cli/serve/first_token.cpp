#include "cli/serve/first_token.hpp"

#include "gateway/auth/issue.hpp"
#include "muster/base/durable_file.hpp"
#include "muster/store/reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace muster::cli {

namespace {

result<bool> has_admin(const store::state_directory& where, timestamp now) {
  auto reader = store::reader::open(where);
  if (!reader)
    return reader.failure();
  store::token_query page;
  page.limit = 1000;
  for (;;) {
    const auto found = reader->tokens(page);
    if (!found)
      return found.failure();
    const auto counts = [now](const store::token_record& x) {
      return x.role == store::role::admin && !x.revoked && (!x.expires || *x.expires > now);
    };
    if (std::any_of(found->begin(), found->end(), counts))
      return true;
    if (found->size() < page.limit)
      return false;
    page.before = found->back().number;
  }
}

} // namespace

std::filesystem::path first_token_file(const store::state_directory& where) {
  return where.root() / "admin.token";
}

result<bool> ensure_admin_token(const store::state_directory& where, runtime& engine) {
  const auto now = std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
  if (const auto has = has_admin(where, now); !has || *has)
    return has ? result<bool>{false} : has.failure();
  const auto made = gateway::issue_token({"made by the head for its operator", "admin", "admin", {}}, now);
  if (!made)
    return made.failure();
  // First the file: a token that counts and that nobody knows would keep the next start from making one.
  if (auto written = replace_file_durably(first_token_file(where), made->token + '\n'); !written)
    return written.failure();
  store::audit_record row;
  row.time = now;
  row.peer = "head";
  row.action = "token.create";
  row.target = made->record.id;
  const auto number = engine.record(store::audit_begun{std::move(row)});
  if (!number)
    return number.failure();
  const auto done = engine.record(store::token_created{made->record});
  engine.note(store::audit_ended{*number, done ? "ok" : std::string{to_string(done.failure().code)}, now});
  return done ? result<bool>{true} : done.failure();
}

} // namespace muster::cli
