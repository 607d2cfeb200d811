#pragma once

#include "muster/api/result.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

MUSTER_API_BEGIN

class value;

/// Values in order: `list{1, "two", list{3}}`.
using list = std::vector<value>;
/// Values by their names, in order: `dict{{"lr", 0.1}, {"layers", list{64, 32}}}`.
using dict = std::vector<std::pair<std::string, value>>;

/// Plain data as JSON has it: null, a boolean, an integer, a real number, a text, a list, or a dict. Parameters and
/// items are such values, and results.
class MUSTER_API value {
public:
  value() noexcept : data_(nullptr) {}
  value(std::nullptr_t) noexcept : data_(nullptr) {}
  value(bool x) noexcept : data_(x) {}
  template <class Number, std::enable_if_t<std::is_integral_v<Number> && !std::is_same_v<Number, bool>, int> = 0>
  value(Number x) noexcept : data_(static_cast<std::int64_t>(x)) {}
  value(double x) noexcept : data_(x) {}
  value(const char* text) : data_(std::string(text)) {}
  value(std::string_view text) : data_(std::string(text)) {}
  value(std::string text) noexcept : data_(std::move(text)) {}
  value(list items);
  value(dict entries);
  /// A list of anything that is a value: `std::vector<double>`, `std::vector<step>`.
  template <class T>
  value(const std::vector<T>& items) : value(list(items.begin(), items.end())) {}
  template <class T>
  value(const std::map<std::string, T>& entries) : value(dict(entries.begin(), entries.end())) {}
  /// Whatever says itself how it becomes a value, as handles of a workflow do.
  template <class T, class = decltype(std::declval<const T&>().as_value())>
  value(const T& x) : value(x.as_value()) {}

  [[nodiscard]] bool is_null() const noexcept { return data_.index() == 0; }
  [[nodiscard]] bool is_bool() const noexcept { return data_.index() == 1; }
  [[nodiscard]] bool is_integer() const noexcept { return data_.index() == 2; }
  [[nodiscard]] bool is_number() const noexcept { return is_integer() || data_.index() == 3; }
  [[nodiscard]] bool is_text() const noexcept { return data_.index() == 4; }
  [[nodiscard]] bool is_list() const noexcept { return data_.index() == 5; }
  [[nodiscard]] bool is_dict() const noexcept { return data_.index() == 6; }

  // What it holds; `otherwise` if it is of another kind. A real number without a fraction is no integer.
  [[nodiscard]] bool as_bool(bool otherwise = false) const noexcept;
  [[nodiscard]] std::int64_t as_integer(std::int64_t otherwise = 0) const noexcept;
  [[nodiscard]] double as_number(double otherwise = 0) const noexcept;
  [[nodiscard]] const std::string& as_text() const& noexcept; ///< An empty one if it is no text.
  [[nodiscard]] const list& items() const& noexcept;          ///< Those of a list; none of anything else.
  [[nodiscard]] const dict& entries() const& noexcept;        ///< Those of a dict; none of anything else.
  // Of a temporary they are copies: `for (auto& x : run.result(train).or_throw().items())` is fine.
  [[nodiscard]] std::string as_text() && { return std::as_const(*this).as_text(); }
  [[nodiscard]] list items() && { return std::as_const(*this).items(); }
  [[nodiscard]] dict entries() && { return std::as_const(*this).entries(); }

  /// How many items or entries; 0 of anything else.
  [[nodiscard]] std::size_t size() const noexcept;
  /// An entry of a dict, of equal names the last; null if there is none.
  [[nodiscard]] const value& operator[](std::string_view name) const& noexcept;
  [[nodiscard]] const value& operator[](const char* name) const& noexcept { return (*this)[std::string_view(name)]; }
  [[nodiscard]] value operator[](std::string_view name) && { return std::as_const(*this)[name]; }
  [[nodiscard]] value operator[](const char* name) && { return std::as_const(*this)[std::string_view(name)]; }
  /// An item of a list, from 0; null if there is none.
  [[nodiscard]] const value& operator[](std::size_t at) const& noexcept;
  [[nodiscard]] const value& operator[](int at) const& noexcept { return (*this)[static_cast<std::size_t>(at)]; }
  [[nodiscard]] value operator[](std::size_t at) && { return std::as_const(*this)[at]; }
  [[nodiscard]] value operator[](int at) && { return std::as_const(*this)[static_cast<std::size_t>(at)]; }
  /// Whether a dict has an entry of that name.
  [[nodiscard]] bool has(std::string_view name) const noexcept;

  /// As JSON in one line, or indented by so many spaces. What JSON cannot say (infinities, NaN) becomes null, bytes
  /// that are no UTF-8 become U+FFFD.
  [[nodiscard]] std::string to_json(int indent = -1) const;
  /// From JSON in UTF-8. Fails with `invalid_argument` on anything else, on integers of more than 64 bits, and on
  /// what is nested deeper than 200.
  [[nodiscard]] static result<value> from_json(std::string_view text);

  /// Integers and real numbers of the same size are equal; the order of entries does not count.
  friend MUSTER_API bool operator==(const value& a, const value& b) noexcept;
  friend bool operator!=(const value& a, const value& b) noexcept { return !(a == b); }
  /// As JSON in one line.
  friend std::ostream& operator<<(std::ostream& to, const value& x) { return to << x.to_json(); }

private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, list, dict> data_;
};

inline value::value(list items) : data_(std::move(items)) {}
inline value::value(dict entries) : data_(std::move(entries)) {}

MUSTER_API_END
