#include "gateway/http/problem.hpp"

#include <nlohmann/json.hpp>

namespace muster::http {

response problem(unsigned status, std::string_view code, std::string_view title, std::string_view detail) {
  return problem(status, code, title, detail, nlohmann::json::object());
}

response problem(unsigned status, std::string_view code, std::string_view title, std::string_view detail,
                 const nlohmann::json& more) {
  auto document = nlohmann::ordered_json{{"type", "urn:muster:problem:" + std::string(code)},
                                         {"title", title},
                                         {"status", status},
                                         {"detail", detail},
                                         {"code", code}};
  for (const auto& [name, value] : more.items())
    document[name] = value;
  response x;
  x.status = status;
  x.headers.emplace("Content-Type", "application/problem+json");
  x.headers.emplace("Cache-Control", "no-store");
  // What a client sent may be quoted in it, so it may be no UTF-8.
  x.body = document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return x;
}

} // namespace muster::http
