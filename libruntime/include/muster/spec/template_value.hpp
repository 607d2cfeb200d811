#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace muster::spec {

class template_dict;
class template_object;

/// A value of the template language, with Python's meaning: what `str()`, `repr()`, `bool()` and `==` say of it.
///
/// Copies are cheap. Lists and dicts are shared between copies, as in Python; `render_template` works on a deep copy of
/// the variables that it is given. Integers are of 64 bits: what leaves that range is an error of the template.
class template_value {
public:
  /// What a value is. `undefined` and `object` (ranges, methods, macros) arise inside templates only.
  enum class type : std::uint8_t { undefined, none, boolean, integer, real, string, list, tuple, dict, object };
  using list_type = std::vector<template_value>;

  /// A text and whether it is marked as safe HTML, which the filters `escape` and `tojson` do.
  struct string_data {
    std::string text;
    bool markup = false;
    std::size_t length = 0; ///< In code points.
  };
  /// What to say when an undefined value is used.
  struct undefined_data {
    std::string message;
    bool lenient = false; ///< Prints as nothing instead of failing, as an inline `if` without `else` does.
  };

  template_value() : data_(std::monostate{}) {}
  template_value(bool x) : data_(x) {}
  template_value(int x) : data_(std::int64_t{x}) {}
  template_value(std::int64_t x) : data_(x) {}
  template_value(double x) : data_(x) {}
  template_value(const char* text) : template_value(std::string(text)) {}
  template_value(std::string_view text) : template_value(std::string(text)) {}
  template_value(std::string text) : template_value(make_string(std::move(text), false)) {}

  /// A text in UTF-8; bytes that are not UTF-8 count as one character each.
  [[nodiscard]] static template_value make_string(std::string text, bool markup);
  [[nodiscard]] static template_value make_list(list_type items = {});
  [[nodiscard]] static template_value make_tuple(list_type items = {}, bool group = false);
  [[nodiscard]] static template_value make_dict();
  [[nodiscard]] static template_value make_dict(template_dict items);
  [[nodiscard]] static template_value make_undefined(std::string message, bool lenient = false);
  [[nodiscard]] static template_value make_object(std::shared_ptr<template_object> x);

  [[nodiscard]] type kind() const noexcept;
  [[nodiscard]] bool is(type x) const noexcept { return kind() == x; }
  [[nodiscard]] bool is_none() const noexcept { return kind() == type::none; }
  [[nodiscard]] bool is_undefined() const noexcept { return kind() == type::undefined; }
  [[nodiscard]] bool is_lenient() const { return is_undefined() && std::get<undefined_ref>(data_)->lenient; }
  [[nodiscard]] bool is_string() const noexcept { return kind() == type::string; }
  /// True for int, float and bool.
  [[nodiscard]] bool is_number() const noexcept;
  /// True for list and tuple.
  [[nodiscard]] bool is_sequence() const noexcept;

  // Each of these only for the kind it names.
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] double as_real() const { return std::get<double>(data_); }
  /// The number of an integer or, as in Python, of a bool.
  [[nodiscard]] std::int64_t as_integer() const;
  [[nodiscard]] const std::string& as_string() const { return string().text; }
  [[nodiscard]] const string_data& string() const { return *std::get<string_ref>(data_); }
  [[nodiscard]] const std::string& undefined_message() const { return std::get<undefined_ref>(data_)->message; }
  /// The items of a list or a tuple.
  [[nodiscard]] list_type& items() const;
  /// True for a pair of the filter `groupby`, whose items are also its attributes `grouper` and `list`.
  [[nodiscard]] bool is_group() const { return is(type::tuple) && std::get<tuple_ref>(data_).group; }
  [[nodiscard]] template_dict& dict() const { return *std::get<dict_ref>(data_); }
  [[nodiscard]] template_object& object() const { return *std::get<object_ref>(data_); }

  /// True when both are the very same object, or equal values of an immutable kind.
  [[nodiscard]] bool same_as(const template_value& other) const;
  /// Where a shared value lives; null for plain values.
  [[nodiscard]] const void* identity() const noexcept;

  /// Python's `str()` and `repr()`. Beyond 200 levels of nesting they print `...`.
  [[nodiscard]] std::string str() const;
  [[nodiscard]] std::string repr() const;
  /// Python's `bool()`; an undefined value is false.
  [[nodiscard]] bool truthy() const;
  /// Python's `==`; an undefined value equals nothing.
  [[nodiscard]] bool equals(const template_value& other) const;

private:
  struct tuple_ref {
    std::shared_ptr<list_type> items;
    bool group = false;
  };
  using undefined_ref = std::shared_ptr<const undefined_data>;
  using string_ref = std::shared_ptr<const string_data>;
  using list_ref = std::shared_ptr<list_type>;
  using dict_ref = std::shared_ptr<template_dict>;
  using object_ref = std::shared_ptr<template_object>;
  // The order is that of `type`.
  using storage = std::variant<undefined_ref, std::monostate, bool, std::int64_t, double, string_ref, list_ref,
                               tuple_ref, dict_ref, object_ref>;

  explicit template_value(storage data) : data_(std::move(data)) {}

  storage data_;
};

/// Keys and values in the order of their insertion. Keys are hashable values; 1, 1.0 and True are one key, as in
/// Python.
class template_dict {
public:
  using entry = std::pair<template_value, template_value>;

  /// Adds or replaces; a replaced entry keeps its place and its first key.
  void set(template_value key, template_value value);
  [[nodiscard]] const template_value* find(const template_value& key) const;
  /// True if there was such an entry. Takes time in proportion to the size.
  bool erase(const template_value& key);
  void clear();
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }

  /// True if `key` may be a key: no list or dict in it, and not more than 1000 parts.
  [[nodiscard]] static bool hashable(const template_value& key);

private:
  [[nodiscard]] std::size_t position(const template_value& key, std::size_t hash) const;

  std::vector<entry> entries_;
  std::unordered_multimap<std::size_t, std::size_t> index_;
};

} // namespace muster::spec
