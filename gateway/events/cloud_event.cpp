#include "gateway/events/cloud_event.hpp"

namespace muster::gateway {

namespace {

/// The text of a member of the event's own JSON, quotes included; empty if it has none. Good for members ahead of any
/// text of users', as `time` and `workflow` are.
std::string_view member(std::string_view json, std::string_view key) {
  const auto at = json.find(key);
  if (at == std::string_view::npos)
    return {};
  const auto begin = at + key.size();
  auto end = begin + 1;
  while (end < json.size() && json[end] != '"')
    end += json[end] == '\\' ? 2 : 1;
  return json.substr(begin, end + 1 - begin);
}

std::string_view unquoted(std::string_view text) {
  return text.size() < 2 ? std::string_view{} : text.substr(1, text.size() - 2);
}

void append_subject(std::string& to, std::string_view json) {
  const auto workflow = unquoted(member(json, "\"workflow\":"));
  if (workflow.empty())
    return;
  to.append(",\"subject\":\"").append(workflow);
  auto part = unquoted(member(json, "\"task\":"));
  if (part.empty())
    part = unquoted(member(json, "\"group\":"));
  if (!part.empty())
    to.append("/").append(part);
  to += '"';
}

} // namespace

void append_cloud_event(std::string& to, std::string_view source, const event_block& block,
                        const event_block::entry& x) {
  const auto json = block.json(x);
  const auto number = std::to_string(x.seq.value);
  to.append("{\"specversion\":\"1.0\",\"id\":\"").append(number).append("\",\"source\":\"").append(source);
  to.append("\",\"type\":\"muster.").append(to_string(x.type)).append("\",\"time\":").append(member(json, "\"time\":"));
  append_subject(to, json);
  to.append(",\"sequence\":\"").append(number);
  to.append("\",\"datacontenttype\":\"application/json\",\"data\":").append(json).append("}");
}

void append_cloud_bookmark(std::string& to, std::string_view source, sequence at) {
  const auto number = std::to_string(at.value);
  to.append("{\"specversion\":\"1.0\",\"id\":\"bookmark-").append(number).append("\",\"source\":\"").append(source);
  to.append("\",\"type\":\"muster.bookmark\",\"datacontenttype\":\"application/json\",\"data\":{\"seq\":");
  to.append(number).append("}}");
}

} // namespace muster::gateway
