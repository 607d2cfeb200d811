#pragma once

#include "gateway/http/server.hpp"

#include <string>
#include <vector>

namespace muster::http {

/// Finds the handler of a request by method and path. Filled before the server starts, constant from then on.
class router {
public:
  /// `path` such as `/v1/workflows/{id}/tasks/{task}`; `{name}` matches one segment, which may hold any character once
  /// decoded; `{name*}` as the last one matches the rest, at least one segment, with its slashes; a segment that holds
  /// an escaped slash is never part of a rest. Where several match, a literal segment wins over `{name}`, and that over
  /// a rest.
  void add(std::string method, std::string path, handler answer);

  /// Calls the handler with `segments` filled. Unknown paths are answered 404, known ones with another method 405 with
  /// `Allow`; `HEAD` is answered as `GET` without a body, `OPTIONS` with `Allow`.
  [[nodiscard]] response route(request& x) const;

  /// The pattern that matches, for metrics and logs: never has an id in it. Empty if none does.
  [[nodiscard]] std::string pattern_of(const request& x) const;

  /// Every route as `METHOD /pattern`, for the test that holds them to the description.
  [[nodiscard]] std::vector<std::string> routes() const;

private:
  struct entry {
    std::string method;
    std::string path;
    std::vector<std::string> parts;
    handler answer;
  };
  [[nodiscard]] const entry* find(const request& x, std::string_view method) const;
  [[nodiscard]] std::string allowed(const request& x) const;
  std::vector<entry> entries_;
};

} // namespace muster::http
