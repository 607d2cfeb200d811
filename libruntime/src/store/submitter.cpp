#include "submitter.hpp"

#include "labels_text.hpp"
#include "projection.hpp"
#include "schema.hpp"

#include <unordered_map>
#include <vector>

namespace muster::store {

namespace {

constexpr const char* insert_name =
    "INSERT INTO workflow_name VALUES(?, 1) ON CONFLICT(name) DO UPDATE SET last = last + 1 RETURNING last";
constexpr const char* insert_workflow_row =
    "INSERT INTO workflow(name, number, status, first_seq, submitted, groups, tasks, pool, profile, options, labels, "
    "exec_timeout, queue_timeout, user, priority, driver) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* insert_group =
    "INSERT INTO task_group(id, name, barrier, ignore_nonlead, first_task, tasks, status) VALUES(?,?,?,?,?,?,?)";
constexpr const char* insert_task =
    "INSERT INTO task(id, position_of_group, lead, name, request, body, status) VALUES(?,?,?,?,?,?,?)";

constexpr std::size_t max_text = 512U << 20U;

/// Of workflows that grow: how many are remembered, and how many texts of each.
constexpr std::size_t max_workflows_known = 64;
constexpr std::size_t max_texts_known = 64;
constexpr std::size_t max_bytes_known = 256U << 10U;

result<void> check_groups(const new_rows& x) {
  for (std::size_t i = 0; i < x.groups.size(); ++i)
    for (const auto up : x.groups[i].upstream)
      if (up.value >= x.first_group + x.groups.size() || up.value == x.first_group + i)
        return {ec::invalid_argument, "group " + std::to_string(x.first_group + i) + " waits for group " +
                                          std::to_string(up.value) + ", which is not another group of the workflow"};
  return {};
}

result<void> check_tasks(const new_rows& x) {
  auto last = std::int64_t{x.first_group} - 1;
  for (std::size_t i = 0; i < x.tasks.size(); ++i) {
    const auto group = static_cast<std::int64_t>(x.tasks[i].group.value);
    if (group != last && group != last + 1)
      return {ec::invalid_argument, "task " + std::to_string(x.first_task + i) +
                                        " is out of order: tasks go by groups, and every "
                                        "group has at least one"};
    if (group < x.first_group)
      return {ec::invalid_argument, "task " + std::to_string(x.first_task + i) + " belongs to group " +
                                        std::to_string(group) + ", which was there before"};
    if (x.tasks[i].request.size() > max_text || x.tasks[i].body.size() > max_text)
      return {ec::limit_exceeded, "task " + std::to_string(x.first_task + i) + " is larger than 512 MiB"};
    last = group;
  }
  if (last + 1 != static_cast<std::int64_t>(x.first_group + x.groups.size()))
    return {ec::invalid_argument, "group " + std::to_string(last + 1) + " has no task"};
  return {};
}

/// A request and a body per task share the numbers of texts.
static_assert(max_tasks_per_workflow == max_rows / 2);

bool too_many(const new_rows& x) noexcept {
  return x.first_task + x.tasks.size() > max_tasks_per_workflow; // And no more groups than tasks.
}

std::string limits() {
  return "; the store holds up to " + std::to_string(max_tasks_per_workflow) + " per workflow";
}

/// Gives equal texts of one workflow the same number, and tells new ones apart.
class text_pool {
public:
  struct place {
    std::int64_t number;
    bool fresh;
  };
  explicit text_pool(std::int64_t first_number) noexcept : next_(first_number) {}
  place find(std::string_view text) {
    const auto [at, fresh] = known_.try_emplace(text, next_);
    if (fresh)
      ++next_;
    return {at->second, fresh};
  }
  void add(std::string_view text, std::int64_t number) { known_.try_emplace(text, number); }

private:
  std::int64_t next_;
  std::unordered_map<std::string_view, std::int64_t> known_;
};

} // namespace

result<void> check(const submission& x) {
  if (x.name.empty())
    return {ec::invalid_argument, "a workflow needs a name"};
  if (x.groups.empty() && x.flow.empty())
    return {ec::invalid_argument, "workflow " + x.name + " has no groups"};
  const new_rows rows{x.groups, x.tasks};
  if (too_many(rows))
    return {ec::limit_exceeded, "workflow " + x.name + " has " + std::to_string(x.tasks.size()) + " tasks" + limits()};
  if (x.spec_text.size() > max_text || x.flow.size() > max_text)
    return {ec::limit_exceeded, "the spec of workflow " + x.name + " is larger than 512 MiB"};
  if (is_finished(x.initial))
    return {ec::invalid_argument, "workflow " + x.name + " cannot be finished when it is submitted"};
  if (auto done = check_groups(rows); !done)
    return done;
  return check_tasks(rows);
}

result<void> check(const growth& x) {
  const new_rows rows{x.groups, x.tasks, x.first_group.value, x.first_task.value};
  if (x.groups.empty())
    return {ec::invalid_argument, "workflow " + std::to_string(x.workflow.value) + " cannot grow by no groups"};
  if (too_many(rows))
    return {ec::limit_exceeded, "workflow " + std::to_string(x.workflow.value) + " would grow to " +
                                    std::to_string(x.first_task.value + x.tasks.size()) + " tasks" + limits()};
  if (auto done = check_groups(rows); !done)
    return done;
  return check_tasks(rows);
}

result<submitter> submitter::prepare(sqlite::connection& db) {
  submitter x{db};
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&x.name_, insert_name},
      {&x.workflow_, insert_workflow_row},
      {&x.label_, "INSERT OR IGNORE INTO workflow_label VALUES(?,?,?,?)"},
      {&x.spec_, "INSERT INTO workflow_spec VALUES(?,?)"},
      {&x.flow_, "INSERT INTO workflow_flow VALUES(?,?)"},
      {&x.group_, insert_group},
      {&x.upstream_, "INSERT INTO group_upstream VALUES(?,?)"},
      {&x.task_, insert_task},
      {&x.text_, "INSERT INTO task_text VALUES(?,?)"},
      {&x.last_text_, "SELECT max(id) FROM task_text WHERE id >= ?1 AND id < ?2"},
  };
  for (const auto& [into, sql] : all) {
    auto made = db.prepare(sql);
    if (!made)
      return made.failure();
    *into = std::move(*made);
  }
  return x;
}

result<submitted_workflow> submitter::insert(const submission& x, sequence seq) {
  auto number = next_number(x.name);
  if (!number)
    return number.failure();
  if (!insert_workflow(x, *number, seq))
    return db_->failed("storing a workflow");
  const auto key = sqlite3_last_insert_rowid(db_->get());
  if (!insert_labels(x, key) || !insert_spec(x, key) || !insert_flow(x, key) ||
      !insert_rows({x.groups, x.tasks}, key, 0))
    return db_->failed("storing workflow " + x.name);
  submitted_workflow out;
  out.key.value = key;
  out.id = x.name + '-' + std::to_string(*number);
  out.fact.seq = seq;
  out.fact.time = x.time;
  out.fact.type = event_type::workflow_submitted;
  out.fact.workflow = out.key;
  out.fact.status = x.initial;
  return out;
}

result<std::int64_t> submitter::next_number(const std::string& name) {
  const sqlite::statement_scope scope{name_};
  name_.bind(1, name);
  if (name_.step() != SQLITE_ROW)
    return db_->failed("numbering a workflow");
  const auto number = name_.integer(0);
  // The row is there already; the statement ends with the next step.
  if (name_.step() != SQLITE_DONE)
    return db_->failed("numbering a workflow");
  return number;
}

bool submitter::insert_workflow(const submission& x, std::int64_t number, sequence seq) {
  const auto labels = labels_text(x.labels);
  auto& w = workflow_;
  w.bind(1, x.name);
  w.bind(2, number);
  w.bind(3, static_cast<std::int64_t>(x.initial));
  w.bind(4, static_cast<std::int64_t>(seq.value));
  w.bind(5, to_micros(x.time));
  w.bind(6, static_cast<std::int64_t>(x.groups.size()));
  w.bind(7, static_cast<std::int64_t>(x.tasks.size()));
  w.bind(8, x.pool);
  w.bind(9, x.profile);
  w.bind(10, x.options);
  w.bind(11, labels);
  x.exec_timeout ? w.bind(12, x.exec_timeout->count()) : w.bind_null(12);
  x.queue_timeout ? w.bind(13, x.queue_timeout->count()) : w.bind_null(13);
  w.bind(14, x.user);
  w.bind(15, static_cast<std::int64_t>(x.priority));
  w.bind(16, x.driver);
  return w.run() == SQLITE_DONE;
}

bool submitter::insert_labels(const submission& x, std::int64_t key) {
  for (const auto& [name, value] : x.labels)
    for (const bool has_value : {false, true}) {
      label_.bind(1, name);
      label_.bind(2, std::int64_t{has_value});
      label_.bind(3, has_value ? std::string_view{value} : std::string_view{});
      label_.bind(4, key);
      if (label_.run() != SQLITE_DONE)
        return false;
    }
  return true;
}

bool submitter::insert_spec(const submission& x, std::int64_t key) {
  spec_.bind(1, key);
  spec_.bind(2, x.spec_text);
  return spec_.run() == SQLITE_DONE;
}

bool submitter::insert_flow(const submission& x, std::int64_t key) {
  if (x.flow.empty())
    return true;
  flow_.bind(1, key);
  flow_.bind(2, x.flow);
  return flow_.run() == SQLITE_DONE;
}

result<void> submitter::insert(const growth& x) {
  const auto first_text = first_free_text(x.workflow.value);
  if (!first_text)
    return first_text.failure();
  const new_rows rows{x.groups, x.tasks, x.first_group.value, x.first_task.value, true};
  if (!insert_rows(rows, x.workflow.value, *first_text))
    return db_->failed("storing more of workflow " + std::to_string(x.workflow.value));
  return {};
}

result<std::int64_t> submitter::first_free_text(std::int64_t key) {
  const sqlite::statement_scope scope{last_text_};
  last_text_.bind(1, row_id(key, 0));
  last_text_.bind(2, row_id(key + 1, 0));
  if (last_text_.step() != SQLITE_ROW)
    return db_->failed("numbering texts");
  return last_text_.null(0) ? 0 : std::int64_t{row_index(last_text_.integer(0))} + 1;
}

bool submitter::insert_rows(const new_rows& x, std::int64_t key, std::int64_t first_text) {
  return insert_groups(x, key) && insert_tasks(x, key, first_text);
}

bool submitter::insert_groups(const new_rows& x, std::int64_t key) {
  std::size_t task = 0;
  for (std::size_t i = 0; i < x.groups.size(); ++i) {
    const auto& g = x.groups[i];
    const auto number = x.first_group + i;
    const auto first = task;
    while (task < x.tasks.size() && x.tasks[task].group.value == number)
      ++task;
    group_.bind(1, row_id(key, number));
    group_.bind(2, g.name);
    group_.bind(3, g.barrier ? 1 : 0);
    group_.bind(4, g.ignore_nonlead_status ? 1 : 0);
    group_.bind(5, static_cast<std::int64_t>(x.first_task + first));
    group_.bind(6, static_cast<std::int64_t>(task - first));
    group_.bind(7, static_cast<std::int64_t>(g.initial));
    if (group_.run() != SQLITE_DONE)
      return false;
    if (g.upstream.empty())
      continue;
    // Four bytes each, in this machine's order: a store is not carried between machines of another one.
    static_assert(sizeof(group_index) == 4);
    upstream_.bind(1, row_id(key, number));
    upstream_.bind_blob(2, g.upstream.data(), g.upstream.size() * sizeof(group_index));
    if (upstream_.run() != SQLITE_DONE)
      return false;
  }
  return true;
}

bool submitter::insert_tasks(const new_rows& x, std::int64_t key, std::int64_t first_text) {
  text_pool pool{first_text};
  if (const auto known = known_texts_.find(key); known != known_texts_.end())
    for (const auto& [text, number] : known->second.numbers)
      pool.add(text, number);
  std::vector<std::string_view> fresh;
  const auto intern = [&](std::string_view text) {
    const auto place = pool.find(text);
    if (place.fresh)
      fresh.push_back(text);
    return place.number;
  };
  for (std::size_t i = 0; i < x.tasks.size(); ++i) {
    const auto& t = x.tasks[i];
    task_.bind(1, row_id(key, x.first_task + i));
    task_.bind(2, static_cast<std::int64_t>(t.group.value));
    task_.bind(3, t.lead ? 1 : 0);
    task_.bind(4, t.name);
    task_.bind(5, intern(t.request));
    task_.bind(6, intern(t.body));
    task_.bind(7, static_cast<std::int64_t>(t.initial));
    if (task_.run() != SQLITE_DONE)
      return false;
  }
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const auto number = first_text + static_cast<std::int64_t>(i);
    text_.bind(1, row_id(key, static_cast<std::uint64_t>(number)));
    text_.bind(2, fresh[i]);
    if (text_.run() != SQLITE_DONE)
      return false;
  }
  if (x.may_grow)
    remember(key, fresh, first_text);
  return true;
}

void submitter::remember(std::int64_t key, const std::vector<std::string_view>& texts, std::int64_t first_number) {
  if (known_texts_.size() >= max_workflows_known && known_texts_.count(key) == 0)
    known_texts_.clear();
  auto& memory = known_texts_[key];
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (memory.numbers.size() >= max_texts_known || memory.bytes + texts[i].size() > max_bytes_known)
      return;
    memory.numbers.try_emplace(std::string{texts[i]}, first_number + static_cast<std::int64_t>(i));
    memory.bytes += texts[i].size();
  }
}

} // namespace muster::store
