#include "gateway/http/refusal.hpp"

#include "gateway/http/problem.hpp"

#include <boost/beast/http/status.hpp>
#include <nlohmann/json.hpp>

namespace muster::http {

response answer_of(const refusal& x, std::string_view id) {
  auto answer = problem(x.status, x.code, reason_of(x.status), x.detail, {{"instance", id}});
  if (x.status == 503)
    answer.headers.emplace("Retry-After", "1");
  return answer;
}

std::string_view reason_of(unsigned status) noexcept {
  const auto known = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  return {known.data(), known.size()};
}

} // namespace muster::http
