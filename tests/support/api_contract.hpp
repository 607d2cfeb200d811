#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

namespace muster::test {

/// docs/openapi.yaml, as tests hold the program to it.
class api_contract {
public:
  /// The one that is in the source tree, read once.
  [[nodiscard]] static const api_contract& instance();

  /// Every operation, as `GET /v1/workflows/{id}`, in order.
  [[nodiscard]] std::vector<std::string> operations() const;

  /// The path of the description that a target, `/v1/workflows/w-1?limit=3`, belongs to; empty if none does.
  [[nodiscard]] std::string path_of(const std::string& target) const;

  /// One exchange. `pattern` is the route that matched; header names are in lower case.
  struct exchange {
    std::string method;
    std::string pattern;
    unsigned status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
  };

  /// What of an answer is not as it is described, one line each; empty if nothing.
  [[nodiscard]] std::vector<std::string> check(const exchange& x) const;

  [[nodiscard]] const nlohmann::ordered_json& document() const noexcept { return document_; }

private:
  api_contract();
  nlohmann::ordered_json document_;
};

/// A route's pattern as OpenAPI writes it: `{path*}` is `{path}`.
[[nodiscard]] std::string openapi_path(std::string pattern);

} // namespace muster::test
