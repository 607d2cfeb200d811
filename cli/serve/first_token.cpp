#include "cli/serve/first_token.hpp"

#include "gateway/auth/issue.hpp"
#include "muster/store/reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace muster::cli {

namespace {

error failed(const char* what, const std::filesystem::path& path, int problem) {
  return {problem == ENOSPC || problem == EDQUOT ? ec::store_full : ec::io_error,
          std::string{"cannot "} + what + ' ' + path.string() + ": " + std::strerror(problem)};
}

/// Makes a file that nobody has open yet, and that is on disk when this returns.
result<void> write_new_file(const std::filesystem::path& path, std::string_view text) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return failed("remove", path, errno);
  const int file =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR); // NOLINT
  if (file < 0)
    return failed("make", path, errno);
  errno = ENOSPC; // A write that was cut short says nothing else.
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  const int problem = errno;
  ::close(file);
  return written ? result<void>{} : failed("write", path, problem);
}

result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  const std::filesystem::path temporary = path.string() + ".new";
  if (auto written = write_new_file(temporary, text); !written)
    return written;
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return failed("write", path, errno);
  const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); // NOLINT
  if (folder >= 0) {
    [[maybe_unused]] const int done = ::fsync(folder); // Where that is not possible, the file is there all the same.
    ::close(folder);
  }
  return {};
}

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
  if (auto written = replace_file(first_token_file(where), made->token + '\n'); !written)
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
