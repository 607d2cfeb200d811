#pragma once

#include "muster/base/ids.hpp"
#include "muster/base/result.hpp"
#include "muster/store/cache.hpp"
#include "muster/store/layout.hpp"
#include "muster/store/records.hpp"
#include "muster/store/retention.hpp"
#include "muster/store/service.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::store {

/// A label that a workflow must have.
struct label_filter {
  std::string name;
  std::optional<std::string> value{}; ///< None: any value.
};

/// Labels that one query may ask for.
constexpr std::size_t max_label_filters = 8;

/// A workflow, as it is named within and without.
struct workflow_name {
  workflow_key key;
  std::string id;
};

/// Which workflows to list: those that pass every filter. Newest first.
struct workflow_query {
  std::string name;             ///< Exact; empty for any.
  std::vector<status> statuses; ///< Any of these; empty for any.
  bool unfinished = false;      ///< Only those that have not ended.
  std::optional<std::string> user{};
  std::string pool{};                 ///< Exact; empty for any.
  std::vector<label_filter> labels{}; ///< All of these, at most `max_label_filters`.
  workflow_key before;                ///< Cursor: only those older than this one; 0 to begin.
  std::size_t limit = 100;
};

/// Which events to read.
struct event_query {
  sequence after;
  std::optional<workflow_key> workflow;
  std::optional<group_index> group; ///< Only with `workflow`.
  std::optional<task_index> task;   ///< Only with `workflow`.
  std::vector<event_type> types;    ///< Any of these; empty for any.
  std::size_t limit = 1000;
};

/// A page of events in order.
struct event_page {
  std::vector<named_event> events;
  sequence next_after; ///< What to ask for next: everything up to here was looked at.
  bool at_end = false; ///< There was no further event at the time.
};

/// A page of results in the order of their tasks.
struct result_page {
  std::vector<task_result_record> results;
  task_index next;     ///< What to ask for next.
  bool at_end = false; ///< There was no further result.
};

/// Reads a store, while a writer writes or when none does; never makes the writer wait. Every list is read in pages:
/// what a reader holds does not grow with the history. Owned by one thread at a time.
///
/// Reading needs no right to write. Where the directory cannot be written to and no writer is at work, the store is
/// read as it was left; where a writer of another user is at work, its `muster.db-shm` and `muster.db-wal` must be
/// readable.
class reader {
public:
  /// Fails with `not_found` if there is no store, else as `writer::open` but for the lock.
  [[nodiscard]] static result<reader> open(const state_directory& directory);

  reader(reader&&) noexcept;
  reader& operator=(reader&&) noexcept;
  ~reader();

  /// While it lives, its reader sees one state of the store, true at `at`. Keep it short: it holds up the recycling of
  /// the write-ahead log. Must not outlive the reader.
  class snapshot {
  public:
    snapshot(snapshot&& other) noexcept : owner_(other.owner_), at_(other.at_) { other.owner_ = nullptr; }
    snapshot& operator=(snapshot&&) = delete;
    ~snapshot();
    [[nodiscard]] sequence at() const noexcept { return at_; }

  private:
    friend class reader;
    snapshot(reader* owner, sequence at) noexcept : owner_(owner), at_(at) {}
    reader* owner_;
    sequence at_;
  };

  /// Begins a snapshot. Fails with `conflict` if one is open.
  [[nodiscard]] result<snapshot> freeze();

  // -- workflows

  /// With one filter a page costs what it holds, however many workflows there are; with several, the one that is likely
  /// to leave the fewest is looked up and the others are checked. `limit_exceeded` for too many labels.
  [[nodiscard]] result<std::vector<workflow_record>> workflows(const workflow_query& query);
  /// By id. `not_found` says which ids are near.
  [[nodiscard]] result<workflow_record> workflow(std::string_view id);
  [[nodiscard]] result<workflow_record> workflow(workflow_key key);
  /// The spec as submitted.
  [[nodiscard]] result<std::string> spec_text(workflow_key key);
  /// What decides how the workflow grows, as submitted; empty if it does not grow.
  [[nodiscard]] result<std::string> flow(workflow_key key);
  /// Whether that is anything; cheap, however long it is.
  [[nodiscard]] result<bool> has_flow(workflow_key key);
  /// How many tasks are in each status; statuses without tasks are left out.
  [[nodiscard]] result<std::vector<std::pair<status, std::uint64_t>>> task_counts(workflow_key key);

  /// Workflows that have ended, those that ended first at the front.
  [[nodiscard]] result<std::vector<finished_workflow>> finished(std::size_t limit);
  /// Those of them whose folder was not measured yet.
  [[nodiscard]] result<std::vector<finished_workflow>> unmeasured(std::size_t limit);
  [[nodiscard]] result<finished_totals> totals();
  /// All that have not ended, those that came first at the front.
  [[nodiscard]] result<std::vector<workflow_name>> unfinished();
  /// The nodes where attempts of those have places.
  [[nodiscard]] result<std::vector<std::string>> nodes_in_use();
  /// Whether there is a workflow of that id: cheaper than `workflow`, and no failure if not.
  [[nodiscard]] result<bool> has_workflow(std::string_view id);

  // -- rows of one workflow, in the order of the plan: at most `limit`, from `first` on. A short page is the last one.

  [[nodiscard]] result<std::vector<group_record>> groups(workflow_key key, group_index first, std::size_t limit);
  [[nodiscard]] result<std::vector<task_record>> tasks(workflow_key key, task_index first, std::size_t limit);
  /// Requests and bodies, for a resume or to show one task.
  [[nodiscard]] result<std::vector<task_body>> bodies(workflow_key key, task_index first, std::size_t limit);
  /// The groups that must be done before `group`.
  [[nodiscard]] result<std::vector<group_index>> upstream(workflow_key key, group_index group);
  /// The names of those of `groups`, ascending, that are there, in their order: at most `limit`; with `open_only` of
  /// those that have not ended. One pass over their rows, however many they are.
  [[nodiscard]] result<std::vector<std::string>> group_names(workflow_key key, const std::vector<group_index>& groups,
                                                             std::size_t limit, bool open_only = false);
  /// The group of that name; `not_found` if there is none.
  [[nodiscard]] result<group_record> group(workflow_key key, std::string_view name);
  /// The task of that name; `not_found` says which names are near.
  [[nodiscard]] result<task_record> task(workflow_key key, std::string_view name);
  /// All attempts of one task, oldest first.
  [[nodiscard]] result<std::vector<attempt_record>> attempts(workflow_key key, task_index task);

  /// The result of a task that has ended; none if it gave none.
  [[nodiscard]] result<std::optional<std::string>> task_result(workflow_key key, task_index task);
  /// The results of tasks from `first` on, in the order of the plan: at most `limit`, and fewer where they are large.
  [[nodiscard]] result<result_page> task_results(workflow_key key, task_index first, std::size_t limit);

  // -- what may serve again

  /// The entry with that key, good or not.
  [[nodiscard]] result<std::optional<cache_entry>> cached(std::string_view key);
  /// Entries of steps of that name, those used last first.
  [[nodiscard]] result<std::vector<cache_entry>> cached_of_step(std::string_view step, std::size_t limit);
  /// What the cache had to say of a task; none if it was not asked.
  [[nodiscard]] result<std::optional<cache_note>> note_of_cache(workflow_key workflow, task_index task);

  // -- what a head keeps beside workflows

  /// The identity of this log: sequence numbers of another one mean nothing here.
  [[nodiscard]] result<std::string> log_id();
  /// The token with that hash, revoked and expired ones too; none if there is none.
  [[nodiscard]] result<std::optional<token_record>> token_of(std::string_view hash);
  [[nodiscard]] result<token_record> token(std::string_view id);
  [[nodiscard]] result<std::vector<token_record>> tokens(const token_query& query);
  [[nodiscard]] result<std::vector<audit_record>> audit(const audit_query& query);
  /// What was accepted under that key, if it is still remembered; see `idempotency_span` for how long it counts.
  [[nodiscard]] result<std::optional<idempotency_record>> idempotent(std::string_view user, std::string_view key);
  /// All nodes, by name.
  [[nodiscard]] result<std::vector<node_record>> nodes();

  /// Pools that were made while a head ran, in the order of their making.
  [[nodiscard]] result<std::vector<pool_record>> pools();
  /// What is set of pools' policies beside the configuration, by pool.
  [[nodiscard]] result<std::map<std::string, std::string>> pool_policies();
  [[nodiscard]] result<webhook_record> webhook(std::string_view id);
  /// In the order of making, from after that number on; all, or those of one user.
  [[nodiscard]] result<std::vector<webhook_record>> webhooks(std::int64_t after, std::size_t limit,
                                                             const std::optional<std::string>& user = {});
  [[nodiscard]] result<std::string> webhook_secret(std::string_view id);
  /// Newest first, with lower numbers than `before`; 0 to begin.
  [[nodiscard]] result<std::vector<dead_letter>> dead_letters(std::string_view webhook, std::int64_t before,
                                                              std::size_t limit);

  // -- events

  /// Events after `query.after`, filtered: a page looks at some 20,000 at most, so it may have few, or none, and not be
  /// at the end. `not_found` if some of them were compacted; says where the log begins.
  [[nodiscard]] result<event_page> events(const event_query& query);
  /// The number of the last event; 0 if there is none.
  [[nodiscard]] result<sequence> latest();
  /// The number of the first event that is still there, or will be.
  [[nodiscard]] result<sequence> earliest();
  /// The last event before that time, about: `earliest` - 1 if there is none.
  [[nodiscard]] result<sequence> last_before(timestamp time);
  /// A number that differs when somebody committed since it was last asked for; cheap, for followers that poll.
  [[nodiscard]] result<std::uint64_t> data_version();

private:
  class impl;
  explicit reader(std::unique_ptr<impl> x) noexcept;

  [[nodiscard]] error no_such_workflow(std::string_view id);
  [[nodiscard]] result<void> read_archived(workflow_key key, task_record& x);
  [[nodiscard]] result<event_page> page_of(const event_query& query);
  [[nodiscard]] result<std::pair<std::uint64_t, std::uint64_t>> span_of(const event_query& query, sequence last);

  std::unique_ptr<impl> impl_;
};

} // namespace muster::store
