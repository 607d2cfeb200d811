#include "actors/attempt_description.hpp"

#include "muster/spec/storage_url.hpp"

namespace muster {

namespace {

/// Where on this machine an input lies. Outputs of tasks are found by name alone, so no actor needs to know of the
/// upstream task.
located_input locate(const workflow_context& context, const spec::input& input, const task_extras::origin* origin) {
  located_input found;
  found.regex = input.regex;
  if (origin != nullptr) {
    if (const auto* from = std::get_if<spec::task_input>(&input.from))
      found.task = from->task;
    if (origin->parts.empty())
      found.source = context.directory.output_link(context.id, origin->task);
    for (const auto& [folder, task] : origin->parts)
      found.parts.emplace_back(folder, context.directory.output_link(context.id, task));
    return found;
  }
  if (const auto* from = std::get_if<spec::task_input>(&input.from)) {
    found.task = from->task;
    found.source = context.directory.output_link(from->workflow.empty() ? context.id : from->workflow, from->task);
  } else {
    const auto& url = std::get<spec::url_input>(input.from).url;
    const auto path = spec::parse_file_url(url);
    found.source = path ? *path : url; // What is none is not found, and says so.
  }
  return found;
}

} // namespace

result<attempt_spec> describe_attempt(const workflow_context& context, task_index index, std::uint32_t attempt,
                                      const task_extras* extras) {
  auto body = context.layout->task(index);
  if (!body)
    return body.failure();
  attempt_spec x;
  x.id = {context.key, index, attempt};
  x.workflow_id = context.id;
  x.group = context.layout->group_name(context.layout->group_of(index));
  x.task = std::move(*body);
  x.resource = context.layout->resource(index);
  x.folder = context.directory.attempt(context.id, x.task.name, attempt);
  for (std::size_t n = 0; n < x.task.inputs.size(); ++n) {
    const auto* origin = extras != nullptr && extras->inputs.count(n) > 0 ? &extras->inputs.at(n) : nullptr;
    x.inputs.push_back(locate(context, x.task.inputs[n], origin));
  }
  if (extras != nullptr) {
    x.tokens = extras->tokens;
    x.environment = extras->environment;
    x.results = extras->results;
  }
  return x;
}

} // namespace muster
