#include "gateway/api/stored_workflow.hpp"

#include "muster/picture/stored.hpp"
#include "muster/spec/codec.hpp"

#include <unordered_map>
#include <utility>

namespace muster::gateway {

namespace {

constexpr std::size_t page_size = 1000;
constexpr std::uint32_t most_tasks = 1'000'000;

/// Fills the groups of a workflow with their tasks, page by page.
class task_reader {
public:
  task_reader(store::reader& reader, workflow_key key, spec::workflow& into)
      : reader_(reader), key_(key), into_(into) {}

  result<void> read() {
    for (task_index first{0};; first.value += page_size) {
      const auto records = reader_.tasks(key_, first, page_size);
      if (!records)
        return records.failure();
      const auto bodies = reader_.bodies(key_, first, page_size);
      if (!bodies)
        return bodies.failure();
      if (records->size() != bodies->size())
        return {ec::store_corrupt, "a task has no body"};
      for (std::size_t i = 0; i < records->size(); ++i)
        if (auto added = add((*records)[i], (*bodies)[i]); !added)
          return added;
      if (records->size() < page_size)
        return {};
    }
  }

private:
  result<void> add(const store::task_record& record, const store::task_body& body) {
    if (record.group.value >= into_.groups.size())
      return {ec::store_corrupt, "a task is in no group"};
    auto task = spec::decode_task(body.body);
    if (!task)
      return task.failure();
    const auto resource = resource_named(body.request);
    if (!resource)
      return resource.failure();
    task->name = record.name;
    task->lead = record.lead;
    task->resource = *resource;
    into_.groups[record.group.value].tasks.push_back(std::move(*task));
    return {};
  }

  /// Under which name the workflow has it: each distinct one gets one.
  result<std::string> resource_named(const std::string& text) {
    if (const auto known = names_.find(text); known != names_.end())
      return known->second;
    auto decoded = spec::decode_resource(text);
    if (!decoded)
      return decoded.failure();
    decoded->driver.clear();
    auto name = names_.empty() ? std::string{"default"} : "r" + std::to_string(names_.size());
    into_.resources.emplace(name, std::move(*decoded));
    return names_.emplace(text, std::move(name)).first->second;
  }

  store::reader& reader_;
  workflow_key key_;
  spec::workflow& into_;
  std::unordered_map<std::string, std::string> names_;
};

} // namespace

result<spec::workflow> rebuild_workflow(store::reader& reader, const store::workflow_record& record) {
  auto definition = picture::read_definition(reader, record);
  if (!definition)
    return definition.failure();
  if (*definition) {
    for (auto& [name, resource] : (*definition)->resources)
      resource.driver.clear();
    return std::move(**definition);
  }
  if (record.tasks > most_tasks)
    return {ec::limit_exceeded, record.id + " has more than 1,000,000 tasks; submit its spec instead"};
  spec::workflow out;
  out.name = record.name;
  out.labels = record.labels;
  out.pool = record.pool;
  out.timeout = {record.exec_timeout, record.queue_timeout};
  for (group_index first{0};; first.value += page_size) {
    auto groups = reader.groups(record.key, first, page_size);
    if (!groups)
      return groups.failure();
    for (auto& g : *groups)
      out.groups.push_back({std::move(g.name), g.barrier, g.ignore_nonlead_status, {}});
    if (groups->size() < page_size)
      break;
  }
  if (auto read = task_reader{reader, record.key, out}.read(); !read)
    return read.failure();
  return out;
}

} // namespace muster::gateway
