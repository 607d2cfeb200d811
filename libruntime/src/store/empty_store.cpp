#include "muster/store/empty_store.hpp"

#include "empty_store_file.hpp"
#include "muster/base/durable_file.hpp"
#include "schema.hpp"
#include "sqlite.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

namespace muster::store {

namespace fs = std::filesystem;

namespace {

/// Of an empty database, before its first table: they cannot change later.
constexpr const char* settings = "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL";

/// Where the header of a database has the versions of its format for writing and for reading, and what stands there in
/// one with a write-ahead log (https://www.sqlite.org/fileformat2.html, section 1.3.3). One in memory has none.
constexpr std::size_t format_versions = 18;
constexpr char with_log = 2;

/// Where a database lies that may be a link, and need not be there.
fs::path behind_links(fs::path file) {
  constexpr int most = 40; // As the kernel follows.
  std::error_code problem;
  for (int n = 0; n < most && fs::is_symlink(fs::symlink_status(file, problem)); ++n)
    file = file.parent_path() / fs::read_symlink(file, problem);
  return file;
}

struct freer {
  void operator()(unsigned char* x) const noexcept { sqlite3_free(x); }
};

} // namespace

result<void> set_up_if_empty(sqlite::connection& db) {
  const auto pages = db.number("PRAGMA page_count", "setting up the store");
  if (!pages)
    return pages.failure();
  return *pages == 0 ? db.run(settings, "setting up the store") : result<void>{};
}

result<std::string> make_empty_store() {
  auto db = sqlite::connection::open_in_memory();
  if (!db)
    return db.failure();
  if (auto done = set_up_if_empty(*db); !done)
    return done.failure();
  if (auto done = migrate(*db, migrations()); !done)
    return done.failure();
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, freer> bytes{sqlite3_serialize(db->get(), "main", &size, 0)};
  if (!bytes || size <= static_cast<sqlite3_int64>(format_versions) + 1)
    return db->failed("making a store");
  std::string out{reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(size)};
  out[format_versions] = out[format_versions + 1] = with_log;
  return out;
}

result<void> put_empty_store(const fs::path& database, std::string bytes) {
  const auto file = behind_links(database);
  std::error_code unknown;
  if (fs::status(file, unknown).type() != fs::file_type::not_found)
    return {}; // Opening it tells what it is. One that is empty keeps its owner and mode.
  if (bytes.empty()) {
    auto made = make_empty_store();
    if (!made)
      return made.failure();
    bytes = *std::move(made);
  }
  // Of a store whose database is gone: they would be taken for what has happened to this one.
  for (const auto* beside : {"-journal", "-wal", "-shm"})
    if (const auto left = file.string() + beside; ::unlink(left.c_str()) != 0 && errno != ENOENT)
      return {ec::io_error, "cannot remove " + left + ": " + std::generic_category().message(errno)};
  auto put = replace_file_durably(file, bytes, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
  if (!put && put.failure().code == ec::store_full)
    return {ec::store_full, put.failure().message + "; free some space and try again"};
  return put;
}

} // namespace muster::store
