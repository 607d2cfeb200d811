#pragma once

#include "muster/base/result.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

/// SQLite's C interface with owners and `result`: no more than that. Private to the store.
namespace muster::store::sqlite {

/// What SQLite reports on `db` as an error of ours; `what` says what was being done.
[[nodiscard]] error failure(sqlite3* db, std::string_view what);

/// A prepared statement, kept and used again. `bind_*` count parameters from 1, columns from 0, as SQLite does.
class statement {
public:
  statement() = default;

  /// Binds; a text must live until the next `reset`.
  void bind(int index, std::int64_t value) { sqlite3_bind_int64(get(), index, value); }
  void bind(int index, std::string_view text) {
    // A null pointer would be NULL rather than an empty text.
    sqlite3_bind_text(get(), index, text.empty() ? "" : text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  void bind_null(int index) { sqlite3_bind_null(get(), index); }
  /// NULL for an empty text.
  void bind_optional(int index, std::string_view text) { text.empty() ? bind_null(index) : bind(index, text); }
  /// NULL for `none`.
  void bind_optional(int index, std::int64_t value, std::int64_t none) {
    value == none ? bind_null(index) : bind(index, value);
  }
  void bind_blob(int index, const void* data, std::size_t size) {
    sqlite3_bind_blob64(get(), index, size == 0 ? "" : data, size, SQLITE_STATIC);
  }

  /// Runs to the end of a statement that returns nothing, and resets it. SQLite's code, `SQLITE_DONE` if all went well.
  int run() noexcept {
    const int code = sqlite3_step(get());
    sqlite3_reset(get());
    return code;
  }
  /// The next row: `SQLITE_ROW`, or `SQLITE_DONE`, or an error.
  int step() noexcept { return sqlite3_step(get()); }
  void reset() noexcept { sqlite3_reset(get()); }

  [[nodiscard]] std::int64_t integer(int column) const noexcept { return sqlite3_column_int64(get(), column); }
  [[nodiscard]] bool null(int column) const noexcept { return sqlite3_column_type(get(), column) == SQLITE_NULL; }
  /// Valid until the next `step` or `reset`.
  [[nodiscard]] std::string_view text(int column) const noexcept {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(get(), column));
    return data == nullptr ? std::string_view{}
                           : std::string_view{data, static_cast<std::size_t>(sqlite3_column_bytes(get(), column))};
  }

private:
  friend class connection;
  struct closer {
    void operator()(sqlite3_stmt* x) const noexcept { sqlite3_finalize(x); }
  };
  explicit statement(sqlite3_stmt* x) : handle_(x) {}
  [[nodiscard]] sqlite3_stmt* get() const noexcept { return handle_.get(); }
  std::unique_ptr<sqlite3_stmt, closer> handle_;
};

/// Resets a statement at the end of a scope, so that it holds no read lock.
class statement_scope {
public:
  explicit statement_scope(statement& x) noexcept : statement_(x) {}
  ~statement_scope() { statement_.reset(); }
  statement_scope(const statement_scope&) = delete;
  statement_scope& operator=(const statement_scope&) = delete;

private:
  statement& statement_;
};

/// How to open a database.
enum class mode : std::uint8_t {
  write = 1,     ///< Creates what is missing.
  read = 2,      ///< Shares with a writer.
  immutable = 3, ///< Without any lock or log: right only while nobody writes.
};

/// A database connection. Not for two threads at once.
class connection {
public:
  connection() = default;

  [[nodiscard]] static result<connection> open(const std::filesystem::path& file, mode how);
  /// A database that no other connection sees.
  [[nodiscard]] static result<connection> open_in_memory();

  /// Runs statements without parameters or rows.
  [[nodiscard]] result<void> run(const char* sql, std::string_view what);
  /// Prepares a statement that will be kept.
  [[nodiscard]] result<statement> prepare(std::string_view sql);
  /// The first column of the first row as an integer; 0 if there is no row.
  [[nodiscard]] result<std::int64_t> number(std::string_view sql, std::string_view what);

  /// The last error as ours.
  [[nodiscard]] error failed(std::string_view what) const { return failure(handle_.get(), what); }
  [[nodiscard]] bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_.get()) == 0; }
  [[nodiscard]] sqlite3* get() const noexcept { return handle_.get(); }

private:
  struct closer {
    void operator()(sqlite3* x) const noexcept { sqlite3_close_v2(x); }
  };
  explicit connection(sqlite3* x) : handle_(x) {}
  std::unique_ptr<sqlite3, closer> handle_;
};

} // namespace muster::store::sqlite
