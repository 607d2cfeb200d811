#include "actors/stored_rows.hpp"

#include "muster/flow/definition.hpp"
#include "muster/plan/plan_builder.hpp"

#include <utility>

namespace muster {

namespace {

constexpr std::size_t page = 4096;

/// Reads all pages of a list.
template <class T, class ReadPage>
result<void> read_all(std::vector<T>& into, ReadPage read_page) {
  for (;;) {
    auto rows = read_page(static_cast<std::uint32_t>(into.size()));
    if (!rows)
      return rows.failure();
    const auto count = rows->size();
    std::move(rows->begin(), rows->end(), std::back_inserter(into));
    if (count < page)
      return {};
  }
}

} // namespace

result<workflow_rows> read_rows(store::reader& from, workflow_key key) {
  workflow_rows rows;
  if (auto x = read_all(rows.groups, [&](std::uint32_t n) { return from.groups(key, group_index{n}, page); }); !x)
    return x.failure();
  if (auto x = read_all(rows.tasks, [&](std::uint32_t n) { return from.tasks(key, task_index{n}, page); }); !x)
    return x.failure();
  if (auto x = read_all(rows.bodies, [&](std::uint32_t n) { return from.bodies(key, task_index{n}, page); }); !x)
    return x.failure();
  return rows;
}

result<plan_ptr> rebuild_plan(store::reader& from, const store::workflow_record& record, const workflow_rows& rows) {
  plan_builder builder{{record.name, record.labels, record.pool, {record.exec_timeout, record.queue_timeout}}};
  for (const auto& g : rows.groups) {
    const auto upstream = from.upstream(record.key, g.index);
    if (!upstream)
      return upstream.failure();
    builder.add_group({g.name, g.barrier, g.ignore_nonlead_status, *upstream});
    for (std::uint32_t i = 0; i < g.tasks; ++i) {
      const auto n = g.first_task.value + i;
      builder.add_task({rows.tasks[n].name, g.index, rows.tasks[n].lead, rows.bodies[n].request, rows.bodies[n].body});
    }
  }
  auto built = std::move(builder).finish();
  if (!built)
    return error{ec::store_corrupt, "workflow " + record.id + " cannot be rebuilt: " + built.failure().message};
  return plan_ptr{std::make_shared<const plan>(std::move(*built))};
}

result<std::shared_ptr<const spec::workflow>> read_definition(store::reader& from, workflow_key key,
                                                              const plan_header& header) {
  const auto text = from.flow(key);
  if (!text)
    return text.failure();
  if (text->empty())
    return std::shared_ptr<const spec::workflow>{};
  auto definition = flow::decode_definition(*text, header);
  if (!definition)
    return definition.failure();
  return std::make_shared<const spec::workflow>(std::move(*definition));
}

result<std::unordered_map<std::uint32_t, std::string>> read_results(store::reader& from, workflow_key key) {
  std::unordered_map<std::uint32_t, std::string> out;
  for (task_index next;;) {
    auto some = from.task_results(key, next, page);
    if (!some)
      return some.failure();
    for (auto& x : some->results)
      out.emplace(x.index.value, std::move(x.text));
    if (some->at_end)
      return out;
    next = some->next;
  }
}

} // namespace muster
