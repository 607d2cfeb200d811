#pragma once

#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"
#include "muster/state/status.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::gateway {

/// Takes the query of a request apart. What a route does not know is refused, and so is what comes twice and may not.
/// Every failure is `invalid_argument` and names the parameter.
class query_reader {
public:
  explicit query_reader(const http::request& from);

  /// The text of a parameter; none if it was not given.
  [[nodiscard]] result<std::optional<std::string>> text(std::string_view name);
  /// All texts of a parameter that may be repeated; each may hold several behind commas.
  [[nodiscard]] std::vector<std::string> list(std::string_view name);
  /// All texts of a parameter that may be repeated, whatever they hold.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name);
  /// A whole number within bounds.
  [[nodiscard]] result<std::optional<std::uint64_t>> number(std::string_view name, std::uint64_t least,
                                                            std::uint64_t most);
  /// `true` or `false`, or nothing behind the name, which is true.
  [[nodiscard]] result<bool> flag(std::string_view name);
  /// Statuses by name, any case.
  [[nodiscard]] result<std::vector<status>> statuses(std::string_view name);
  /// `limit`: 100 if it was not given, at most 1000.
  [[nodiscard]] result<std::size_t> limit();

  /// Fails if there is a parameter that nobody has asked for.
  [[nodiscard]] result<void> finish() const;

private:
  [[nodiscard]] result<std::optional<std::string>> one(std::string_view name);

  const http::request& from_;
  std::vector<std::string> asked_;
};

/// The text that a page hands out for its next one. `of` says what is listed and by which filters: a cursor of another
/// list is refused, and so is one that was changed.
[[nodiscard]] std::string make_cursor(std::string_view of, std::uint64_t position);

/// The inverse: `invalid_argument` for what `make_cursor` did not make for this list.
[[nodiscard]] result<std::uint64_t> read_cursor(std::string_view of, std::string_view cursor);

/// The position that the request's `cursor` stands for; none if it has none.
[[nodiscard]] result<std::optional<std::uint64_t>> cursor_of(query_reader& query, std::string_view of);

} // namespace muster::gateway
