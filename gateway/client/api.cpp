#include "gateway/client/api.hpp"

#include "muster/base/text.hpp"

#include <nlohmann/json.hpp>

namespace muster::client {

std::string reply::header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? std::string{} : found->second;
}

problem problem_of(unsigned status, const std::string& body) {
  problem out;
  out.status = status;
  const auto document = nlohmann::json::parse(body, nullptr, false);
  const auto text = [&](const char* name) {
    const auto found = document.is_object() ? document.find(name) : document.end();
    return document.is_object() && found != document.end() && found->is_string() ? found->get<std::string>()
                                                                                 : std::string{};
  };
  out.code = text("code");
  out.detail = text("detail");
  if (out.detail.empty())
    out.detail = text("title");
  if (out.code.empty()) {
    constexpr std::size_t most = 200;
    out.code = "http_" + std::to_string(status);
    if (out.detail.empty())
      out.detail = "the answer was status " + std::to_string(status) +
                   (body.empty() ? std::string{} : ": " + body.substr(0, std::min(body.find('\n'), most)));
  } else {
    out.body = body;
  }
  return out;
}

problem problem_of(const error& x) {
  problem out;
  out.code = std::string{to_string(x.code)};
  out.detail = x.message;
  switch (x.code) {
    case ec::invalid_argument: out.status = 400; break;
    case ec::not_found: out.status = 404; break;
    case ec::conflict: out.status = 409; break;
    case ec::limit_exceeded:
    case ec::invalid_spec:
    case ec::template_error:
    case ec::unsupported:
    case ec::never_fits: out.status = 422; break;
    case ec::unavailable: out.status = 503; break;
    case ec::timed_out: out.status = 504; break;
    case ec::store_full: out.status = 507; break;
    default: out.status = 500; break;
  }
  return out;
}

std::string path_of(const std::vector<std::string>& parts) {
  std::string out = "/v1";
  for (const auto& part : parts)
    out += '/' + percent_encode(part);
  return out;
}

std::string query_text(const std::vector<std::pair<std::string, std::string>>& query) {
  std::string out;
  for (const auto& [name, value] : query)
    out += (out.empty() ? '?' : '&') + percent_encode(name) + '=' + percent_encode(value);
  return out;
}

} // namespace muster::client
