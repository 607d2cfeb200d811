#include "gateway/api/json.hpp"

#include "muster/event/event.hpp"
#include "muster/event/json.hpp"

#include <nlohmann/json.hpp>

namespace muster::gateway {

using json = nlohmann::ordered_json;

namespace {

json times_of(const store::stage_times& x) {
  return {{"processing", json_of(x.processing)},
          {"scheduling", json_of(x.scheduling)},
          {"initializing", json_of(x.initializing)},
          {"running", json_of(x.running)},
          {"ended", json_of(x.ended)}};
}

} // namespace

json text_or_null(const std::string& x) {
  return x.empty() ? json(nullptr) : json(x);
}

json json_of(const std::optional<timestamp>& x) {
  return x ? json(to_rfc3339(*x)) : json(nullptr);
}

json json_of(const std::optional<duration>& x) {
  constexpr std::int64_t second = 1'000'000;
  if (!x)
    return nullptr;
  if (x->count() % second == 0)
    return x->count() / second;
  return static_cast<double>(x->count()) / second;
}

json json_of(const store::workflow_record& x, bool grows) {
  json cancel = nullptr;
  if (x.cancel_requested)
    cancel = {{"requested", json_of(x.cancel_requested)}, {"message", x.cancel_message}};
  return {{"id", x.id},
          {"name", x.name},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"user", text_or_null(x.user)},
          {"pool", x.pool},
          {"priority", to_string(x.priority)},
          {"profile", x.profile},
          {"labels", x.labels},
          {"groups", x.groups},
          {"tasks", x.tasks},
          {"growing", grows},
          {"exec_timeout", json_of(x.exec_timeout)},
          {"queue_timeout", json_of(x.queue_timeout)},
          {"submitted", json_of(x.submitted)},
          {"started", json_of(x.started)},
          {"ended", json_of(x.ended)},
          {"cancel", std::move(cancel)}};
}

json json_of(const std::vector<std::pair<status, std::uint64_t>>& counts) {
  auto out = json::object();
  for (const auto& [state, number] : counts)
    out[std::string{to_string(state)}] = number;
  return out;
}

json json_of(const store::group_record& x) {
  return {{"name", x.name},
          {"index", x.index.value},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"barrier", x.barrier},
          {"ignore_nonlead_status", x.ignore_nonlead_status},
          {"first_task", x.first_task.value},
          {"tasks", x.tasks},
          {"times", times_of(x.times)}};
}

json json_of(const store::task_record& x, const std::string& group) {
  return {{"name", x.name},
          {"index", x.index.value},
          {"group", group},
          {"lead", x.lead},
          {"status", to_string(x.status)},
          {"reason", x.reason},
          {"ended", json_of(x.ended)},
          {"first_attempt", x.first_attempt},
          {"attempt", x.attempt ? json_of(*x.attempt) : json(nullptr)}};
}

json json_of(const store::attempt_record& x) {
  return {{"number", x.number},
          {"status", to_string(x.status)},
          {"exit_code", x.exit_code == no_exit_code ? json(nullptr) : json(x.exit_code)},
          {"reason", x.reason},
          {"node", text_or_null(x.node)},
          {"address", text_or_null(x.address)},
          {"gpus", gpus_from_text(x.gpus)},
          {"lease", x.lease.value},
          {"times", times_of(x.times)}};
}

json json_of(const spec::resource& x) {
  constexpr std::int64_t gibibyte = std::int64_t{1} << 30U;
  return {{"cpu", x.cpu.value_or(1)},
          {"gpu", x.gpu.value_or(0)},
          {"memory", x.memory.value_or(gibibyte)},
          {"storage", x.storage.value_or(gibibyte)},
          {"platform", text_or_null(x.platform)}};
}

json json_of(const spec::diagnostic& x) {
  return {{"severity", x.severity == spec::severity::error ? "error" : "warning"},
          {"line", x.line == 0 ? json(nullptr) : json(x.line)},
          {"column", x.line == 0 ? json(nullptr) : json(x.column)},
          {"rendered", x.rendered},
          {"path", x.field},
          {"message", x.message},
          {"hint", text_or_null(x.hint)},
          {"source", text_or_null(x.source_line)}};
}

json json_of(const std::vector<spec::diagnostic>& x) {
  auto out = json::array();
  for (const auto& one : x)
    out.push_back(json_of(one));
  return out;
}

json json_of_text(const std::string& text) {
  auto out = json::parse(text, nullptr, false);
  return out.is_discarded() ? json(nullptr) : out;
}

json page_of(json items, const std::optional<std::string>& next) {
  return {{"items", std::move(items)}, {"next", next ? json(*next) : json(nullptr)}};
}

} // namespace muster::gateway
