#include "muster/store/backup.hpp"

#include "muster/base/durable_file.hpp"
#include "muster/store/head_id.hpp"
#include "muster/store/reader.hpp"
#include "schema.hpp"
#include "sqlite.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

namespace muster::store {

namespace {

namespace fs = std::filesystem;

/// Pages that are copied between looks at anything else; the source is one snapshot all along.
constexpr int pages_per_step = 4096;

constexpr const char* new_identity = R"sql(
WITH random(h) AS (SELECT lower(hex(randomblob(16))))
UPDATE setting SET value = (SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-' ||
  substr('89ab', 1 + instr('0123456789abcdef', substr(h, 17, 1)) % 4, 1) || substr(h, 18, 3) || '-' || substr(h, 21, 12)
  FROM random) WHERE name = 'log_id';
)sql";

/// Workflows that came after the backup may still run, under keys that it does not know: a warden, a container or an
/// agent would take a new task of the same key for theirs.
constexpr const char* skip_keys = R"sql(
INSERT INTO sqlite_sequence(name, seq) SELECT 'workflow', 0 WHERE NOT EXISTS
  (SELECT 1 FROM sqlite_sequence WHERE name = 'workflow');
UPDATE sqlite_sequence SET seq = seq + 1048576 WHERE name = 'workflow';
)sql";

/// A file that is removed when it has got its name, or will get none.
class draft {
public:
  explicit draft(fs::path file) : file_(std::move(file)) {}
  ~draft() {
    std::error_code ignored;
    fs::remove(file_, ignored);
    for (const char* rest : {"-wal", "-shm", "-journal"})
      fs::remove(file_.string() + rest, ignored);
  }
  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return file_; }

private:
  fs::path file_;
};

error system_failure(const std::string& what, const fs::path& file, int code) {
  return {code == ENOSPC || code == EDQUOT ? ec::store_full : ec::io_error,
          what + ' ' + file.string() + " failed: " + std::generic_category().message(code)};
}

/// Makes an empty file for the user alone; it must not be there.
result<void> create(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return system_failure("making", file, errno);
  ::close(descriptor);
  return {};
}

result<void> sync(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return system_failure("opening", file, errno);
  const int outcome = ::fsync(descriptor);
  const int why = errno;
  ::close(descriptor);
  if (outcome != 0)
    return system_failure("writing", file, why);
  return {};
}

/// Gives the draft its name, if nobody else has it by now.
result<void> publish(draft& x, const fs::path& name) {
  if (auto done = sync(x.path()); !done)
    return done;
  if (::link(x.path().c_str(), name.c_str()) != 0) {
    if (errno == EEXIST)
      return {ec::conflict, name.string() + " exists already"};
    return system_failure("naming", name, errno);
  }
  const auto folder = name.has_parent_path() ? name.parent_path() : fs::path{"."};
  return sync(folder);
}

result<void> copy_pages(sqlite::connection& from, sqlite::connection& to) {
  sqlite3_backup* work = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (work == nullptr)
    return to.failed("beginning a backup");
  int code = SQLITE_OK;
  while ((code = sqlite3_backup_step(work, pages_per_step)) == SQLITE_OK)
    continue;
  const int finished = sqlite3_backup_finish(work);
  if (code != SQLITE_DONE || finished != SQLITE_OK)
    return to.failed("copying the store");
  return {};
}

/// Whether the database is whole; the first complaint otherwise.
result<void> check_integrity(sqlite::connection& db, const fs::path& file) {
  auto query = db.prepare("PRAGMA integrity_check(1)");
  if (!query)
    return query.failure();
  if (query->step() != SQLITE_ROW)
    return db.failed("checking " + file.string());
  if (query->text(0) != "ok")
    return {ec::store_corrupt, file.string() + " is damaged: " + std::string{query->text(0)}};
  return {};
}

result<sequence> last_event(sqlite::connection& db) {
  const auto x = db.number("SELECT max(ifnull((SELECT max(seq) FROM event), 0), (SELECT value - 1 FROM counter WHERE "
                           "name='earliest_sequence'))",
                           "reading the last event");
  if (!x)
    return x.failure();
  return sequence{static_cast<std::uint64_t>(*x)};
}

backup_summary summary_of(sequence at, const fs::path& file) {
  std::error_code ignored;
  const auto size = fs::file_size(file, ignored);
  return {at, ignored ? 0 : static_cast<std::uint64_t>(size)};
}

/// Notes by which name containers know the head, so that a restored one finds them.
result<void> note_head(sqlite::connection& to, const state_directory& from) {
  std::ifstream in{from.root() / "head-id"};
  std::string id;
  if (!std::getline(in, id))
    return {};
  auto insert = to.prepare("INSERT OR REPLACE INTO setting VALUES('head_id', ?)");
  if (!insert)
    return insert.failure();
  insert->bind(1, id);
  if (insert->run() != SQLITE_DONE)
    return to.failed("writing a backup");
  return {};
}

result<void> write_head(sqlite::connection& from, const state_directory& to) {
  const auto file = to.root() / "head-id";
  std::error_code ignored;
  if (fs::exists(file, ignored))
    return {};
  auto query = from.prepare("SELECT value FROM setting WHERE name='head_id'");
  if (!query)
    return query.failure();
  if (query->step() != SQLITE_ROW)
    return {};
  if (auto written = replace_file_durably(file, std::string{query->text(0)} + '\n'); !written)
    return written;
  // One that nobody could work with is better found now.
  if (auto read = head_id(to); !read)
    return read.failure();
  return {};
}

/// Copies what one connection sees now into a new file.
result<backup_summary> copy_store(sqlite::connection& source, draft& into, const state_directory* head_of) {
  if (auto done = source.run("BEGIN", "beginning a snapshot"); !done)
    return done.failure();
  auto at = last_event(source); // The first read fixes what is seen.
  if (!at)
    return at.failure();
  auto copy = sqlite::connection::open(into.path(), sqlite::mode::write);
  if (!copy)
    return copy.failure();
  if (auto done = copy_pages(source, *copy); !done)
    return done.failure();
  // Whoever writes may shorten its log again.
  if (auto done = source.run("COMMIT", "ending a snapshot"); !done)
    return done.failure();
  // One file, without a log beside it.
  if (auto done = copy->run("PRAGMA journal_mode=DELETE", "writing a backup"); !done)
    return done.failure();
  if (head_of != nullptr)
    if (auto done = note_head(*copy, *head_of); !done)
      return done.failure();
  if (auto done = check_integrity(*copy, into.path()); !done)
    return done.failure();
  return summary_of(*at, into.path());
}

} // namespace

result<backup_summary> backup(const state_directory& from, const fs::path& to) {
  std::error_code problem;
  if (fs::exists(to, problem))
    return error{ec::conflict, to.string() + " exists already; choose another name, or move it away"};
  // Says what is wrong with the store in words, if anything is.
  if (auto readable = reader::open(from); !readable)
    return readable.failure();
  auto source = sqlite::connection::open(from.database(), sqlite::mode::read);
  if (!source)
    return source.failure();
  // Another backup to the same name has one of its own; the later of the two finds the name taken.
  draft file{to.string() + '.' + std::to_string(::getpid()) + ".part"};
  fs::remove(file.path(), problem); // Of one that was interrupted.
  if (auto made = create(file.path()); !made)
    return made.failure();
  auto copied = copy_store(*source, file, &from);
  if (!copied)
    return copied.failure();
  if (auto done = publish(file, to); !done)
    return done.failure();
  return copied;
}

result<backup_summary> restore(const fs::path& from, const state_directory& to) {
  std::error_code problem;
  if (!fs::exists(from, problem))
    return error{ec::not_found, "there is no file " + from.string()};
  auto lock = writer_lock::take(to);
  if (!lock)
    return lock.failure();
  if (to.has_store())
    return error{ec::conflict,
                 "there is a store in " + to.root().string() +
                     " already; move it away, or choose another directory (--state-dir, MUSTER_STATE_DIR)"};
  // SQLite would take the commits in it for some of the new store.
  if (auto left = to.database() += "-wal"; fs::exists(left, problem))
    return error{ec::conflict, left.string() + " is a part of a store that is not here any more; move it there, too"};
  auto source = sqlite::connection::open(from, sqlite::mode::read);
  if (!source)
    return source.failure();
  if (auto checked = check_restorable(*source); !checked)
    return checked.failure();
  if (auto whole = check_integrity(*source, from); !whole)
    return whole.failure();
  draft file{to.database().string() + ".part"};
  fs::remove(file.path(), problem);
  if (auto made = create(file.path()); !made)
    return made.failure();
  auto copied = copy_store(*source, file, nullptr);
  if (!copied)
    return copied.failure();
  {
    auto copy = sqlite::connection::open(file.path(), sqlite::mode::write);
    if (!copy)
      return copy.failure();
    if (auto done = migrate(*copy, migrations()); !done)
      return done.failure();
    if (auto done = copy->run(new_identity, "giving the log an identity"); !done)
      return done.failure();
    if (auto done = copy->run(skip_keys, "numbering workflows on"); !done)
      return done.failure();
    if (auto done = write_head(*copy, to); !done)
      return done.failure();
  }
  if (auto done = publish(file, to.database()); !done)
    return done.failure();
  return copied;
}

} // namespace muster::store
