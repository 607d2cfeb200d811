#pragma once

#include "muster/store/reader.hpp"
#include "sqlite.hpp"

#include <string>
#include <unordered_map>

namespace muster::store {

/// The connection of a reader and its statements, made when first used and kept.
class reader::impl {
public:
  explicit impl(sqlite::connection db) : db_(std::move(db)) {}

  /// The statement of this text. The text must be one of a bounded set.
  [[nodiscard]] result<sqlite::statement*> statement(const std::string& sql);

  [[nodiscard]] sqlite::connection& db() noexcept { return db_; }
  /// What the last step of a statement says if it was neither a row nor the end.
  [[nodiscard]] error failed(std::string_view what) const { return db_.failed(what); }

private:
  sqlite::connection db_;
  std::unordered_map<std::string, sqlite::statement> statements_;
};

} // namespace muster::store
