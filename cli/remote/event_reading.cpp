#include "cli/remote/event_reading.hpp"

#include "cli/remote/answers.hpp"
#include "gateway/events/filter.hpp"

#include <nlohmann/json.hpp>

namespace muster::cli {

std::optional<store::named_event> read_event(std::string_view text) {
  const auto x = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!x.is_object())
    return std::nullopt;
  store::named_event out;
  out.fact.seq.value = static_cast<std::uint64_t>(number_of(x, "seq"));
  out.fact.time = time_of(x, "time").value_or(timestamp{});
  out.fact.type = gateway::event_type_from(text_of(x, "type"));
  out.fact.attempt = static_cast<std::uint32_t>(number_of(x, "attempt"));
  out.fact.status = status_of(x);
  if (x.contains("exit_code"))
    out.fact.exit_code = static_cast<std::int32_t>(number_of(x, "exit_code"));
  out.fact.text = text_of(x, "reason");
  out.fact.node = text_of(x, "node");
  out.fact.address = text_of(x, "address");
  out.fact.gpus = text_of(x, "gpus");
  out.workflow = text_of(x, "workflow");
  out.group = text_of(x, "group");
  out.task = text_of(x, "task");
  return out;
}

} // namespace muster::cli
