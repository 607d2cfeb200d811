#include "gateway/http/router.hpp"

#include "gateway/http/problem.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace muster::http {
namespace {

/// How a part of a pattern matches a segment; the greater wins.
enum class kind : std::uint8_t { rest, one, literal };

kind kind_of(std::string_view part) noexcept {
  if (part.size() < 2 || part.front() != '{')
    return kind::literal;
  return part[part.size() - 2] == '*' ? kind::rest : kind::one;
}

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty() && path != "/") {
    path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    parts.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return parts;
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= path.size())
      return false;
    switch (kind_of(pattern[i])) {
      case kind::literal:
        if (pattern[i] != path[i])
          return false;
        break;
      case kind::one: break;
      case kind::rest:
        return std::none_of(path.begin() + static_cast<std::ptrdiff_t>(i), path.end(),
                            [](const std::string& x) { return x.find('/') != std::string::npos; });
    }
  }
  return pattern.size() == path.size();
}

/// Both match the same path.
bool wins(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::lexicographical_compare(b.begin(), b.end(), a.begin(), a.end(),
                                      [](const auto& x, const auto& y) { return kind_of(x) < kind_of(y); });
}

void fill(const std::vector<std::string>& pattern, request& x) {
  x.segments.clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto& part = pattern[i];
    if (kind_of(part) == kind::one)
      x.segments.emplace(part.substr(1, part.size() - 2), x.parts[i]);
    if (kind_of(part) != kind::rest)
      continue;
    auto& rest = x.segments[part.substr(1, part.size() - 3)];
    for (std::size_t at = i; at < x.parts.size(); ++at)
      rest += (at == i ? "" : "/") + x.parts[at];
  }
}

response with_allow(response x, std::string methods) {
  x.headers.emplace("Allow", std::move(methods));
  return x;
}

} // namespace

void router::add(std::string method, std::string path, handler answer) {
  auto parts = split(path);
  entries_.push_back({std::move(method), std::move(path), std::move(parts), std::move(answer)});
}

response router::route(request& x) const {
  if (x.path == "*" && x.method == "OPTIONS") {
    response any;
    any.status = 204;
    return with_allow(std::move(any), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  }
  const auto* found = find(x, x.method);
  if (found == nullptr && x.method == "HEAD")
    found = find(x, "GET");
  if (found != nullptr) {
    fill(found->parts, x);
    return found->answer(x);
  }
  auto methods = allowed(x);
  if (methods.empty())
    return problem(404, "not_found", "Not found", "there is nothing at " + x.path, {{"instance", x.id}});
  if (x.method == "OPTIONS") {
    response known;
    known.status = 204;
    return with_allow(std::move(known), std::move(methods));
  }
  auto refused = problem(405, "method_not_allowed", "Method not allowed",
                         x.method + " is not possible at " + x.path + ", only " + methods, {{"instance", x.id}});
  return with_allow(std::move(refused), std::move(methods));
}

std::string router::pattern_of(const request& x) const {
  const auto* found = find(x, x.method);
  if (found == nullptr)
    found = find(x, x.method == "HEAD" ? "GET" : "");
  if (found == nullptr)
    found = find(x, "");
  return found == nullptr ? std::string{} : found->path;
}

std::vector<std::string> router::routes() const {
  std::vector<std::string> all;
  for (const auto& x : entries_)
    all.push_back(x.method + ' ' + x.path);
  return all;
}

/// The best entry for the path; of any method if `method` is empty.
const router::entry* router::find(const request& x, std::string_view method) const {
  const entry* best = nullptr;
  for (const auto& candidate : entries_)
    if ((method.empty() || candidate.method == method) && x.path != "*" && matches(candidate.parts, x.parts) &&
        (best == nullptr || wins(candidate.parts, best->parts)))
      best = &candidate;
  return best;
}

/// The methods that the path knows, as `Allow` has them; empty if it is unknown.
std::string router::allowed(const request& x) const {
  std::set<std::string> methods;
  for (const auto& candidate : entries_)
    if (x.path != "*" && matches(candidate.parts, x.parts))
      methods.insert(candidate.method);
  if (methods.empty())
    return {};
  if (methods.count("GET") != 0)
    methods.insert("HEAD");
  methods.insert("OPTIONS");
  std::string text;
  for (const auto& method : methods)
    text += (text.empty() ? "" : ", ") + method;
  return text;
}

} // namespace muster::http
