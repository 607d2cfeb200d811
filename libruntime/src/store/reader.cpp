#include "muster/store/reader.hpp"

#include "near.hpp"
#include "projection.hpp"
#include "reader_impl.hpp"
#include "schema.hpp"
#include "workflow_row.hpp"

#include <charconv>
#include <system_error>

namespace muster::store {

namespace {

/// Whether a crashed or foreign writer left a log that has to be read with the database.
bool has_log(const state_directory& directory) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(directory.database().string() + "-wal", problem);
  return !problem && size > 0;
}

error unreadable_log(const state_directory& directory, const error& why) {
  return {ec::io_error, "the store in " + directory.root().string() +
                            " has a log that cannot be read without the right to write there: run any command as the "
                            "user who owns it (" +
                            why.message + ")"};
}

} // namespace

result<sqlite::statement*> reader::impl::statement(const std::string& sql) {
  if (const auto known = statements_.find(sql); known != statements_.end())
    return &known->second;
  auto made = db_.prepare(sql);
  if (!made)
    return made.failure();
  return &statements_.emplace(sql, std::move(*made)).first->second;
}

reader::reader(std::unique_ptr<impl> x) noexcept : impl_(std::move(x)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

result<reader> reader::open(const state_directory& directory) {
  std::error_code problem;
  const auto found = std::filesystem::status(directory.database(), problem);
  // What is no directory has no store, but is not where nothing was run yet.
  if (found.type() == std::filesystem::file_type::not_found && problem != std::errc::not_a_directory)
    return {ec::not_found, "there is no store in " + directory.root().string() + ": nothing was run there yet"};
  if (problem)
    return {ec::io_error, "the store in " + directory.root().string() + " cannot be read: " + problem.message()};
  auto db = sqlite::connection::open(directory.database(), sqlite::mode::read);
  if (!db)
    return db.failure();
  auto checked = check_schema(*db);
  if (!checked && checked.failure().code == ec::io_error) {
    // Sharing needs the files of the log, which cannot be made here. Without a log nobody writes, and the file is
    // whole.
    if (has_log(directory))
      return unreadable_log(directory, checked.failure());
    db = sqlite::connection::open(directory.database(), sqlite::mode::immutable);
    if (!db)
      return db.failure();
    checked = check_schema(*db);
  }
  if (!checked)
    return checked.failure();
  if (auto done = db->run("PRAGMA trusted_schema=OFF; PRAGMA cache_size=-8192", "setting up a reader"); !done)
    return done.failure();
  reader opened{std::make_unique<impl>(std::move(*db))};
  // Touches the tables, so that gross damage is told here rather than half-way through an answer.
  if (auto last = opened.latest(); !last)
    return last.failure();
  return opened;
}

result<reader::snapshot> reader::freeze() {
  if (impl_->db().in_transaction())
    return {ec::conflict, "a snapshot is open already"};
  if (auto done = impl_->db().run("BEGIN", "beginning a snapshot"); !done)
    return done.failure();
  // The first read fixes what is seen.
  snapshot x{this, {}};
  auto at = latest();
  if (!at)
    return at.failure();
  x.at_ = *at;
  return x;
}

reader::snapshot::~snapshot() {
  if (owner_ != nullptr)
    (void)owner_->impl_->db().run("COMMIT", "ending a snapshot");
}

// -- workflows

result<workflow_record> reader::workflow(std::string_view id) {
  const auto dash = id.rfind('-');
  std::int64_t number = 0;
  if (dash != std::string_view::npos) {
    const auto* end = id.data() + id.size();
    const auto parsed = std::from_chars(id.data() + dash + 1, end, number);
    // `x-01` is not `x-1`.
    if (parsed.ec != std::errc{} || parsed.ptr != end || std::to_string(number) != id.substr(dash + 1))
      number = 0;
  }
  if (number > 0) {
    auto prepared = impl_->statement(std::string{workflow_columns} + "workflow w WHERE name = ? AND number = ?");
    if (!prepared)
      return prepared.failure();
    auto& q = **prepared;
    const sqlite::statement_scope scope{q};
    q.bind(1, id.substr(0, dash));
    q.bind(2, number);
    const int code = q.step();
    if (code == SQLITE_ROW)
      return workflow_at(q);
    if (code != SQLITE_DONE)
      return impl_->failed("reading a workflow");
  }
  return no_such_workflow(id);
}

error reader::no_such_workflow(std::string_view id) {
  std::vector<std::string> known;
  workflow_query recent;
  recent.limit = 1000;
  if (auto list = workflows(recent); list)
    for (auto& x : *list)
      known.push_back(std::move(x.id));
  // A suggestion is a service: where the list cannot be read, there is none.
  return {ec::not_found, "there is no workflow " + std::string{id} + suggestion(id, std::move(known))};
}

result<workflow_record> reader::workflow(workflow_key key) {
  auto prepared = impl_->statement(std::string{workflow_columns} + "workflow w WHERE key = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, key.value);
  const int code = q.step();
  if (code == SQLITE_ROW)
    return workflow_at(q);
  if (code != SQLITE_DONE)
    return impl_->failed("reading a workflow");
  return error{ec::not_found, "there is no workflow " + std::to_string(key.value)};
}

result<std::string> reader::spec_text(workflow_key key) {
  auto prepared = impl_->statement("SELECT text FROM workflow_spec WHERE workflow = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, key.value);
  const int code = q.step();
  if (code == SQLITE_ROW)
    return std::string{q.text(0)};
  if (code != SQLITE_DONE)
    return impl_->failed("reading a spec");
  return error{ec::not_found, "there is no workflow " + std::to_string(key.value)};
}

result<bool> reader::has_flow(workflow_key key) {
  auto prepared = impl_->statement("SELECT EXISTS(SELECT 1 FROM workflow_flow WHERE workflow = ?)");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, key.value);
  if (q.step() != SQLITE_ROW)
    return impl_->failed("looking for a flow");
  return q.integer(0) != 0;
}

result<std::string> reader::flow(workflow_key key) {
  auto prepared = impl_->statement("SELECT f.text FROM workflow w LEFT JOIN workflow_flow f ON f.workflow = w.key "
                                   "WHERE w.key = ?");
  if (!prepared)
    return prepared.failure();
  auto& q = **prepared;
  const sqlite::statement_scope scope{q};
  q.bind(1, key.value);
  const int code = q.step();
  if (code == SQLITE_ROW)
    return std::string{q.text(0)};
  if (code != SQLITE_DONE)
    return impl_->failed("reading a flow");
  return error{ec::not_found, "there is no workflow " + std::to_string(key.value)};
}

result<std::uint64_t> reader::data_version() {
  auto x = impl_->db().number("PRAGMA data_version", "asking for changes");
  if (!x)
    return x.failure();
  return static_cast<std::uint64_t>(*x);
}

} // namespace muster::store
