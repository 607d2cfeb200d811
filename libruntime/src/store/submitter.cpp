#include "submitter.hpp"

#include "projection.hpp"
#include "schema.hpp"

#include <nlohmann/json.hpp>

#include <unordered_map>
#include <vector>

namespace muster::store {

namespace {

constexpr const char* insert_name =
    "INSERT INTO workflow_name VALUES(?, 1) ON CONFLICT(name) DO UPDATE SET last = last + 1 RETURNING last";
constexpr const char* insert_workflow_row =
    "INSERT INTO workflow(name, number, status, first_seq, submitted, groups, tasks, pool, profile, options, labels, "
    "exec_timeout, queue_timeout) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* insert_group =
    "INSERT INTO task_group(id, name, barrier, ignore_nonlead, first_task, tasks, status) VALUES(?,?,?,?,?,?,?)";
constexpr const char* insert_task =
    "INSERT INTO task(id, position_of_group, lead, name, request, body, status) VALUES(?,?,?,?,?,?,?)";

constexpr std::size_t max_text = 512U << 20U;

result<void> check_groups(const submission& x) {
  for (std::size_t i = 0; i < x.groups.size(); ++i)
    for (const auto up : x.groups[i].upstream)
      if (up.value >= x.groups.size() || up.value == i)
        return {ec::invalid_argument, "group " + std::to_string(i) + " waits for group " + std::to_string(up.value) +
                                          ", which is not another group of the workflow"};
  return {};
}

result<void> check_tasks(const submission& x) {
  std::int64_t last = -1;
  for (std::size_t i = 0; i < x.tasks.size(); ++i) {
    const auto group = static_cast<std::int64_t>(x.tasks[i].group.value);
    if (group != last && group != last + 1)
      return {ec::invalid_argument, "task " + std::to_string(i) +
                                        " is out of order: tasks go by groups, and every "
                                        "group has at least one"};
    if (x.tasks[i].request.size() > max_text || x.tasks[i].body.size() > max_text)
      return {ec::limit_exceeded, "task " + std::to_string(i) + " is larger than 512 MiB"};
    last = group;
  }
  if (last + 1 != static_cast<std::int64_t>(x.groups.size()))
    return {ec::invalid_argument, "group " + std::to_string(last + 1) + " has no task"};
  return {};
}

/// Gives equal texts of one workflow the same number, and tells new ones apart.
class text_pool {
public:
  struct place {
    std::int64_t number;
    bool fresh;
  };
  place find(std::string_view text) {
    const auto [at, fresh] = known_.try_emplace(text, static_cast<std::int64_t>(known_.size()));
    return {at->second, fresh};
  }

private:
  std::unordered_map<std::string_view, std::int64_t> known_;
};

} // namespace

result<void> check(const submission& x) {
  if (x.name.empty())
    return {ec::invalid_argument, "a workflow needs a name"};
  if (x.groups.empty())
    return {ec::invalid_argument, "workflow " + x.name + " has no groups"};
  // A request and a body per task share the numbers of texts.
  if (x.groups.size() > max_rows || x.tasks.size() > max_rows / 2)
    return {ec::limit_exceeded, "workflow " + x.name + " has " + std::to_string(x.tasks.size()) +
                                    " tasks; the store holds up to " + std::to_string(max_rows / 2) + " per workflow"};
  if (x.spec_text.size() > max_text)
    return {ec::limit_exceeded, "the spec of workflow " + x.name + " is larger than 512 MiB"};
  if (is_finished(x.initial))
    return {ec::invalid_argument, "workflow " + x.name + " cannot be finished when it is submitted"};
  if (auto done = check_groups(x); !done)
    return done;
  return check_tasks(x);
}

result<submitter> submitter::prepare(sqlite::connection& db) {
  submitter x{db};
  const std::pair<sqlite::statement*, const char*> all[] = {
      {&x.name_, insert_name},
      {&x.workflow_, insert_workflow_row},
      {&x.spec_, "INSERT INTO workflow_spec VALUES(?,?)"},
      {&x.group_, insert_group},
      {&x.upstream_, "INSERT INTO group_upstream VALUES(?,?)"},
      {&x.task_, insert_task},
      {&x.text_, "INSERT INTO task_text VALUES(?,?)"},
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
  if (!insert_spec(x, key) || !insert_groups(x, key) || !insert_tasks(x, key))
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
  const auto labels = nlohmann::json(x.labels).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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
  return w.run() == SQLITE_DONE;
}

bool submitter::insert_spec(const submission& x, std::int64_t key) {
  spec_.bind(1, key);
  spec_.bind(2, x.spec_text);
  return spec_.run() == SQLITE_DONE;
}

bool submitter::insert_groups(const submission& x, std::int64_t key) {
  std::size_t task = 0;
  for (std::size_t i = 0; i < x.groups.size(); ++i) {
    const auto& g = x.groups[i];
    const auto first = task;
    while (task < x.tasks.size() && x.tasks[task].group.value == i)
      ++task;
    group_.bind(1, row_id(key, i));
    group_.bind(2, g.name);
    group_.bind(3, g.barrier ? 1 : 0);
    group_.bind(4, g.ignore_nonlead_status ? 1 : 0);
    group_.bind(5, static_cast<std::int64_t>(first));
    group_.bind(6, static_cast<std::int64_t>(task - first));
    group_.bind(7, static_cast<std::int64_t>(g.initial));
    if (group_.run() != SQLITE_DONE)
      return false;
    if (g.upstream.empty())
      continue;
    // Four bytes each, in this machine's order: a store is not carried between machines of another one.
    static_assert(sizeof(group_index) == 4);
    upstream_.bind(1, row_id(key, i));
    upstream_.bind_blob(2, g.upstream.data(), g.upstream.size() * sizeof(group_index));
    if (upstream_.run() != SQLITE_DONE)
      return false;
  }
  return true;
}

bool submitter::insert_tasks(const submission& x, std::int64_t key) {
  text_pool pool;
  std::vector<std::string_view> fresh;
  const auto intern = [&](std::string_view text) {
    const auto place = pool.find(text);
    if (place.fresh)
      fresh.push_back(text);
    return place.number;
  };
  for (std::size_t i = 0; i < x.tasks.size(); ++i) {
    const auto& t = x.tasks[i];
    task_.bind(1, row_id(key, i));
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
    text_.bind(1, row_id(key, i));
    text_.bind(2, fresh[i]);
    if (text_.run() != SQLITE_DONE)
      return false;
  }
  return true;
}

} // namespace muster::store
