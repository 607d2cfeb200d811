#include "muster/store/writer.hpp"

#include "cache_table.hpp"
#include "empty_store_file.hpp"
#include "remover.hpp"
#include "reserve.hpp"
#include "row_cache.hpp"
#include "schema.hpp"
#include "service_tables.hpp"
#include "sqlite.hpp"
#include "submitter.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace muster::store {

namespace {

// The log is moved into the database every 16 MiB, and its file is cut back after a large submission.
constexpr const char* settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4096; "
                                 "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-32768; "
                                 "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF";

constexpr const char* insert_event_row =
    "INSERT INTO event(seq, time, type, workflow, position_of_group, task, attempt, status, exit_code, lease, text, "
    "node, address, gpus) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/// The status that the type of an event stands for.
void complete(event& x) {
  if (x.type == event_type::workflow_retried)
    x.status = status::pending;
  if (x.type == event_type::group_reopened || x.type == event_type::task_reopened)
    x.status = status::waiting;
}

timestamp system_time() {
  return std::chrono::time_point_cast<timestamp::duration>(timestamp::clock::now());
}

} // namespace

bool is_refusal(ec code) noexcept {
  return code == ec::invalid_argument || code == ec::not_found || code == ec::conflict || code == ec::limit_exceeded ||
         code == ec::idempotency_mismatch;
}

class writer::impl {
public:
  impl(const state_directory& where, writer_lock lock, sqlite::connection db, std::function<timestamp()> now)
      : lock_(std::move(lock)), db_(std::move(db)), now_(std::move(now)), reserve_(where) {}
  ~impl() { rollback(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  [[nodiscard]] result<void> prepare();
  [[nodiscard]] result<submitted_workflow> submit(const submission& x);
  [[nodiscard]] result<void> grow(const growth& x);
  [[nodiscard]] result<void> change_cache(const cache_change& x);
  [[nodiscard]] result<std::int64_t> change_service(const service_change& x);
  [[nodiscard]] result<event> remove_workflow(workflow_key key, std::string text, timestamp time);
  [[nodiscard]] result<bool> sweep(std::size_t rows);
  [[nodiscard]] result<std::size_t> compact(sequence through, std::size_t rows);
  [[nodiscard]] result<void> append(event* first, std::size_t count);
  [[nodiscard]] result<void> commit();
  void rollback();

  [[nodiscard]] bool make_room() noexcept { return reserve_.release(); }

  sequence latest_;    ///< Of all that was appended.
  sequence committed_; ///< Of all that is on disk.

private:
  [[nodiscard]] result<void> begin();
  [[nodiscard]] result<std::optional<submitted_workflow>> accepted_before(const submission& x);
  [[nodiscard]] result<void> insert(const event& x);
  [[nodiscard]] result<void> keep_result(const event& x);
  /// Passes a refusal on; anything else ends the transaction.
  [[nodiscard]] error give_up(error problem);
  void roll_back_database();

  writer_lock lock_;
  sqlite::connection db_;
  sqlite::statement begin_, commit_, rollback_, insert_event_, insert_result_, delete_result_;
  std::optional<row_cache> rows_;
  std::optional<submitter> submitter_;
  std::optional<cache_table> cache_;
  std::optional<service_tables> service_;
  std::optional<remover> remover_;
  std::function<timestamp()> now_;
  reserve reserve_;
  std::optional<error> broken_; ///< Why the transaction was rolled back; told by the next `commit`.
};

result<void> writer::impl::prepare() {
  if (auto done = set_up_if_empty(db_); !done)
    return done;
  if (auto done = db_.run(settings, "setting up the store"); !done)
    return done;
  if (auto done = migrate(db_, migrations()); !done)
    return done;
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&insert_event_, insert_event_row},
      {&insert_result_, "INSERT OR REPLACE INTO task_result VALUES(?,?)"},
      {&delete_result_, "DELETE FROM task_result WHERE id=?"}};
  for (const auto& [into, sql] : all) {
    auto made = db_.prepare(sql);
    if (!made)
      return made.failure();
    *into = std::move(*made);
  }
  auto rows = row_cache::prepare(db_);
  if (!rows)
    return rows.failure();
  rows_.emplace(std::move(*rows));
  auto inserts = submitter::prepare(db_);
  if (!inserts)
    return inserts.failure();
  submitter_.emplace(std::move(*inserts));
  auto cache = cache_table::prepare(db_);
  if (!cache)
    return cache.failure();
  cache_.emplace(std::move(*cache));
  auto service = service_tables::prepare(db_);
  if (!service)
    return service.failure();
  service_.emplace(std::move(*service));
  auto removes = remover::prepare(db_);
  if (!removes)
    return removes.failure();
  remover_.emplace(std::move(*removes));
  // After compaction the log may be empty, but its numbers go on.
  auto last = db_.number("SELECT max(ifnull((SELECT max(seq) FROM event), 0), (SELECT value - 1 FROM counter WHERE "
                         "name='earliest_sequence'))",
                         "reading the last event");
  if (!last)
    return last.failure();
  latest_.value = committed_.value = static_cast<std::uint64_t>(*last);
  return {};
}

result<void> writer::impl::begin() {
  if (broken_)
    return *broken_;
  if (db_.in_transaction())
    return {};
  if (begin_.run() != SQLITE_DONE)
    return give_up(db_.failed("beginning a transaction"));
  return {};
}

result<submitted_workflow> writer::impl::submit(const submission& x) {
  if (auto done = check(x); !done)
    return done.failure();
  if (auto done = begin(); !done)
    return done.failure();
  if (x.once) {
    auto before = accepted_before(x);
    if (!before)
      return give_up(before.failure());
    if (*before)
      return **std::move(before);
  }
  auto stored = submitter_->insert(x, sequence{latest_.value + 1});
  if (!stored)
    return give_up(stored.failure());
  if (auto done = insert(stored->fact); !done)
    return give_up(done.failure());
  if (x.once)
    if (auto done = service_->keep(*x.once, *stored); !done)
      return give_up(done.failure());
  ++latest_.value;
  return stored;
}

result<std::optional<submitted_workflow>> writer::impl::accepted_before(const submission& x) {
  auto found = service_->find(*x.once, x.time);
  if (!found)
    return found.failure();
  if (!*found)
    return std::optional<submitted_workflow>{};
  if ((*found)->sent.digest != x.once->digest)
    return error{ec::idempotency_mismatch,
                 "workflow " + (*found)->id + " was accepted under this key, but something else was sent for it"};
  return std::optional{submitted_workflow{(*found)->workflow, (*found)->id, {}, true}};
}

result<void> writer::impl::grow(const growth& x) {
  if (auto done = check(x); !done)
    return done;
  if (auto done = begin(); !done)
    return done;
  if (auto done = rows_->grow(x); !done)
    return give_up(done.failure());
  if (auto done = submitter_->insert(x); !done)
    return give_up(done.failure());
  return {};
}

result<void> writer::impl::change_cache(const cache_change& x) {
  if (auto done = begin(); !done)
    return done;
  if (auto done = cache_->apply(x, now_()); !done)
    return give_up(done.failure());
  return {};
}

result<std::int64_t> writer::impl::change_service(const service_change& x) {
  if (const auto* gone = std::get_if<workflow_removed>(&x)) {
    const auto fact = remove_workflow(gone->workflow, gone->text, {});
    return fact ? result<std::int64_t>{static_cast<std::int64_t>(fact->seq.value)} : fact.failure();
  }
  if (const auto* swept = std::get_if<rows_swept>(&x)) {
    const auto more = sweep(swept->rows);
    return more ? result<std::int64_t>{*more ? 1 : 0} : more.failure();
  }
  if (const auto* old = std::get_if<events_compacted>(&x)) {
    const auto removed = compact(old->through, old->rows);
    return removed ? result<std::int64_t>{static_cast<std::int64_t>(*removed)} : removed.failure();
  }
  if (auto done = begin(); !done)
    return done.failure();
  // Rows of workflows that a change looks at may still be in memory.
  if (std::holds_alternative<workflow_measured>(x) || std::holds_alternative<workflow_given>(x))
    if (auto done = rows_->flush(); !done)
      return give_up(done.failure());
  auto done = service_->apply(x);
  if (!done)
    return give_up(done.failure());
  return done;
}

result<event> writer::impl::remove_workflow(workflow_key key, std::string text, timestamp time) {
  if (auto done = begin(); !done)
    return done.failure();
  if (auto done = rows_->flush(); !done)
    return give_up(done.failure());
  event x;
  x.seq.value = latest_.value + 1;
  x.time = time == timestamp{} ? now_() : time;
  x.type = event_type::workflow_deleted;
  x.workflow = key;
  x.text = std::move(text);
  if (auto done = remover_->hide(key, x.seq); !done)
    return give_up(done.failure());
  rows_->forget(key);
  if (auto done = insert(x); !done)
    return give_up(done.failure());
  ++latest_.value;
  return x;
}

result<bool> writer::impl::sweep(std::size_t rows) {
  if (auto done = begin(); !done)
    return done.failure();
  auto more = remover_->sweep(rows);
  if (more && !*more)
    more = remover_->shrink();
  if (!more)
    return give_up(more.failure());
  return more;
}

result<std::size_t> writer::impl::compact(sequence through, std::size_t rows) {
  if (auto done = begin(); !done)
    return done.failure();
  // What is not durable yet stays: a rollback must not leave a gap.
  auto removed = remover_->compact({std::min(through.value, committed_.value)}, rows);
  if (!removed)
    return give_up(removed.failure());
  return removed;
}

result<void> writer::impl::append(event* first, std::size_t count) {
  if (auto done = begin(); !done)
    return done;
  if (rows_->heavy())
    if (auto done = rows_->flush(); !done)
      return give_up(done.failure());
  // All are applied before any is inserted, so that a refusal leaves no event behind.
  if (count > 1)
    rows_->begin_undo();
  for (std::size_t i = 0; i < count; ++i) {
    auto& x = first[i];
    x.seq.value = latest_.value + 1 + i;
    if (x.time == timestamp{})
      x.time = now_();
    complete(x);
    if (auto done = rows_->apply(x); !done) {
      if (count > 1)
        rows_->undo();
      return give_up(done.failure());
    }
  }
  rows_->keep();
  for (std::size_t i = 0; i < count; ++i)
    if (auto done = insert(first[i]); !done)
      return give_up(done.failure());
  latest_.value += count;
  return {};
}

result<void> writer::impl::insert(const event& x) {
  auto& e = insert_event_;
  const bool of_group = is_of_group(x.type);
  const bool of_task = is_of_task(x.type);
  e.bind(1, static_cast<std::int64_t>(x.seq.value));
  e.bind(2, to_micros(x.time));
  e.bind(3, static_cast<std::int64_t>(x.type));
  e.bind(4, x.workflow.value);
  of_group ? e.bind(5, static_cast<std::int64_t>(x.group.value)) : e.bind_null(5);
  of_task ? e.bind(6, static_cast<std::int64_t>(x.task.value)) : e.bind_null(6);
  of_task ? e.bind(7, static_cast<std::int64_t>(x.attempt)) : e.bind_null(7);
  e.bind_optional(8, static_cast<std::int64_t>(x.status), 0);
  e.bind_optional(9, x.exit_code, no_exit_code);
  e.bind_optional(10, static_cast<std::int64_t>(x.lease.value), 0);
  e.bind_optional(11, x.text);
  e.bind_optional(12, x.node);
  e.bind_optional(13, x.address);
  e.bind_optional(14, x.gpus);
  if (e.run() != SQLITE_DONE)
    return db_.failed("storing an event");
  return keep_result(x);
}

result<void> writer::impl::keep_result(const event& x) {
  if (x.type == event_type::task_reopened) {
    delete_result_.bind(1, row_id(x.workflow.value, x.task.value));
    if (delete_result_.run() != SQLITE_DONE)
      return db_.failed("removing a result");
  }
  if (x.result.empty())
    return {};
  insert_result_.bind(1, row_id(x.workflow.value, x.task.value));
  insert_result_.bind(2, x.result);
  if (insert_result_.run() != SQLITE_DONE)
    return db_.failed("storing a result");
  return {};
}

result<void> writer::impl::commit() {
  if (broken_) {
    auto problem = std::move(*broken_);
    broken_.reset();
    return problem;
  }
  if (!db_.in_transaction())
    return {};
  auto done = rows_->flush();
  if (done && commit_.run() != SQLITE_DONE)
    done = db_.failed("committing");
  if (!done) {
    roll_back_database();
    return done;
  }
  committed_ = latest_;
  reserve_.keep();
  return {};
}

void writer::impl::rollback() {
  broken_.reset();
  roll_back_database();
}

void writer::impl::roll_back_database() {
  // SQLite rolls back by itself on some errors.
  if (db_.in_transaction())
    (void)rollback_.run();
  if (rows_)
    rows_->clear();
  if (submitter_)
    submitter_->forget();
  if (cache_)
    cache_->forget();
  latest_ = committed_;
}

error writer::impl::give_up(error problem) {
  if (is_refusal(problem.code))
    return problem;
  roll_back_database();
  problem.message += "; nothing since the last commit is stored";
  broken_ = problem;
  return problem;
}

writer::writer(std::unique_ptr<impl> x) noexcept : impl_(std::move(x)) {}
writer::writer(writer&&) noexcept = default;
writer& writer::operator=(writer&&) noexcept = default;
writer::~writer() = default;

result<writer> writer::open(const state_directory& directory, std::function<timestamp()> now) {
  auto lock = writer_lock::take(directory);
  return lock ? open(directory, std::move(*lock), std::move(now)) : lock.failure();
}

result<writer> writer::open(const state_directory& directory, writer_lock lock, std::function<timestamp()> now,
                            std::string empty) {
  if (auto done = put_empty_store(directory.database(), std::move(empty)); !done)
    return done.failure();
  auto db = sqlite::connection::open(directory.database(), sqlite::mode::write);
  if (!db)
    return db.failure();
  auto x = std::make_unique<impl>(directory, std::move(lock), std::move(*db), now ? std::move(now) : system_time);
  if (auto done = x->prepare(); !done)
    return done.failure();
  return writer{std::move(x)};
}

bool writer::make_room() noexcept {
  return impl_->make_room();
}

result<submitted_workflow> writer::submit(const submission& x) {
  return impl_->submit(x);
}

result<void> writer::grow(const growth& x) {
  return impl_->grow(x);
}

result<void> writer::change_cache(const cache_change& x) {
  return impl_->change_cache(x);
}

result<std::int64_t> writer::change_service(const service_change& x) {
  return impl_->change_service(x);
}

result<event> writer::remove_workflow(workflow_key key, std::string text, timestamp time) {
  return impl_->remove_workflow(key, std::move(text), time);
}

result<bool> writer::sweep(std::size_t rows) {
  return impl_->sweep(rows);
}

result<std::size_t> writer::compact(sequence through, std::size_t rows) {
  return impl_->compact(through, rows);
}

result<sequence> writer::append(event x) {
  if (auto done = impl_->append(&x, 1); !done)
    return done.failure();
  return x.seq;
}

result<void> writer::append(std::vector<event>& batch) {
  return impl_->append(batch.data(), batch.size());
}

result<void> writer::commit() {
  return impl_->commit();
}

void writer::rollback() {
  impl_->rollback();
}

sequence writer::latest() const noexcept {
  return impl_->latest_;
}

std::size_t writer::pending() const noexcept {
  return static_cast<std::size_t>(impl_->latest_.value - impl_->committed_.value);
}

} // namespace muster::store
