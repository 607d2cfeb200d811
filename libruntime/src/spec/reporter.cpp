#include "spec/reporter.hpp"

#include <algorithm>
#include <utility>

namespace muster::spec {

namespace {

constexpr std::size_t most_diagnostics = 100;

} // namespace

std::string field_path::text() const {
  std::string out = parent != nullptr ? parent->text() : std::string{};
  if (index >= 0)
    return out + '[' + std::to_string(index) + ']';
  if (key.empty())
    return out;
  if (!out.empty())
    out += '.';
  return out.append(key);
}

void reporter::add(std::vector<diagnostic>& list, diagnostic x) {
  if (list.size() < most_diagnostics)
    list.push_back(std::move(x));
}

void reporter::error(yaml::mark place, std::string field, std::string message, std::string hint) {
  diagnostic x;
  x.line = place.line + std::size_t{1};
  x.column = place.column + std::size_t{1};
  x.field = std::move(field);
  x.message = std::move(message);
  x.hint = std::move(hint);
  ++count_;
  add(errors_, std::move(x));
}

void reporter::error(yaml::mark place, const field_path& path, std::string message, std::string hint) {
  if (++count_ > most_diagnostics)
    return;
  --count_;
  error(place, path.text(), std::move(message), std::move(hint));
}

void reporter::error(std::string message, std::string hint) {
  diagnostic x;
  x.message = std::move(message);
  x.hint = std::move(hint);
  ++count_;
  add(errors_, std::move(x));
}

void reporter::warning(std::string message, std::string hint) {
  diagnostic x;
  x.severity = severity::warning;
  x.message = std::move(message);
  x.hint = std::move(hint);
  add(warnings_, std::move(x));
}

void reporter::warning(yaml::mark place, const field_path& path, std::string message, std::string hint) {
  diagnostic x;
  x.severity = severity::warning;
  x.line = place.line + std::size_t{1};
  x.column = place.column + std::size_t{1};
  x.field = path.text();
  x.message = std::move(message);
  x.hint = std::move(hint);
  add(warnings_, std::move(x));
}

std::vector<diagnostic> reporter::take_errors() {
  const auto before = [](const diagnostic& a, const diagnostic& b) {
    return std::pair{a.line, a.column} < std::pair{b.line, b.column};
  };
  std::stable_sort(errors_.begin(), errors_.end(), before);
  if (count_ > errors_.size()) {
    diagnostic x;
    x.message = "and " + std::to_string(count_ - errors_.size()) + " more errors";
    errors_.push_back(std::move(x));
  }
  return std::move(errors_);
}

std::vector<diagnostic> reporter::take_warnings() {
  return std::exchange(warnings_, {});
}

} // namespace muster::spec
