#include "sqlite.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace muster::store::sqlite {

namespace {

constexpr int busy_timeout_ms = 5'000;

ec classify(int code, int system_error) noexcept {
  if (system_error == ENOSPC || system_error == EDQUOT)
    return ec::store_full;
  switch (code & 0xff) {
    case SQLITE_FULL: return ec::store_full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ec::store_corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ec::unavailable;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM: return ec::io_error;
    default: return ec::internal;
  }
}

std::string_view advice(ec code) noexcept {
  switch (code) {
    case ec::store_full: return "; free some space and try again";
    case ec::store_corrupt: return "; restore the file from a copy, or move it away to begin anew";
    default: return "";
  }
}

/// A path as the path part of a URI.
std::string uri_path(const std::string& path) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || c == '?' || c == '#' || byte < 0x20 || byte >= 0x7f) {
      out += '%';
      out += hex[byte >> 4U];
      out += hex[byte & 15U];
    } else {
      out += c;
    }
  }
  return out;
}

} // namespace

error failure(sqlite3* db, std::string_view what) {
  const int code = db == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
  const bool about_files = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
  const int system_error = db != nullptr && about_files ? sqlite3_system_errno(db) : 0;
  const auto kind = classify(code, system_error);
  std::string message{what};
  if (const char* file = db == nullptr ? nullptr : sqlite3_db_filename(db, "main"); file != nullptr && *file != 0)
    message.append(" in ").append(file);
  message.append(" failed: ").append(db == nullptr ? "out of memory" : sqlite3_errmsg(db));
  if (system_error != 0)
    message.append(" (").append(std::generic_category().message(system_error)).append(")");
  message.append(advice(kind));
  return {kind, std::move(message)};
}

result<connection> connection::open(const std::filesystem::path& file, mode how) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = std::filesystem::absolute(file).string();
  if (how == mode::write) {
    flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  } else {
    flags |= SQLITE_OPEN_READONLY;
  }
  if (how == mode::immutable) {
    flags |= SQLITE_OPEN_URI;
    name = "file:" + uri_path(name) + "?immutable=1";
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &raw, flags, nullptr);
  connection db{raw};
  if (code != SQLITE_OK)
    return db.failed("opening the store");
  sqlite3_busy_timeout(raw, busy_timeout_ms);
  return db;
}

result<connection> connection::open_in_memory() {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(":memory:", &raw, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, nullptr);
  connection db{raw};
  if (code != SQLITE_OK)
    return db.failed("opening a database in memory");
  return db;
}

result<void> connection::run(const char* sql, std::string_view what) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failed(what);
  return {};
}

result<statement> connection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK)
    return failed("preparing a statement");
  return statement{raw};
}

result<std::int64_t> connection::number(std::string_view sql, std::string_view what) {
  auto query = prepare(sql);
  if (!query)
    return failed(what);
  const int code = query->step();
  if (code == SQLITE_ROW)
    return query->integer(0);
  if (code == SQLITE_DONE)
    return std::int64_t{0};
  return failed(what);
}

} // namespace muster::store::sqlite
