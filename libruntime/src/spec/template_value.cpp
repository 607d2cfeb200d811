#include "muster/spec/template_value.hpp"

#include "spec/template/numbers.hpp"
#include "spec/template/operations.hpp"
#include "spec/template/text.hpp"

#include <algorithm>
#include <functional>

namespace muster::spec {
namespace {

// A dict of up to this many entries is searched without an index.
constexpr std::size_t small = 8;

std::size_t hash_of(const template_value& key) {
  using type = template_value::type;
  switch (key.kind()) {
    case type::boolean:
    case type::integer: return std::hash<std::int64_t>{}(key.as_integer());
    case type::real: {
      const auto whole = tmpl::numbers::whole(key.as_real());
      return whole ? std::hash<std::int64_t>{}(*whole) : std::hash<double>{}(key.as_real());
    }
    case type::string: return std::hash<std::string>{}(key.as_string());
    case type::tuple: {
      std::size_t hash = 7;
      for (const auto& item : key.items())
        hash = hash * 1000003 + hash_of(item);
      return hash;
    }
    case type::object: return std::hash<const void*>{}(key.identity());
    default: return 1;
  }
}

// Tuples may share parts, so that a small one unfolds to a huge one: both its depth and what is looked at are bounded.
bool hashable_within(const template_value& key, std::size_t levels, std::size_t& parts) {
  using type = template_value::type;
  if (key.is(type::list) || key.is(type::dict) || key.is(type::undefined) || levels == 0 || parts == 0)
    return false;
  --parts;
  return !key.is(type::tuple) || std::all_of(key.items().begin(), key.items().end(), [&](const template_value& item) {
    return hashable_within(item, levels - 1, parts);
  });
}

} // namespace

template_value template_value::make_string(std::string text, bool markup) {
  const std::size_t length = tmpl::text::length(text);
  return template_value(storage(std::in_place_type<string_ref>,
                                std::make_shared<string_data>(string_data{std::move(text), markup, length})));
}

template_value template_value::make_list(list_type items) {
  return template_value(storage(std::in_place_type<list_ref>, std::make_shared<list_type>(std::move(items))));
}

template_value template_value::make_tuple(list_type items, bool group) {
  return template_value(
      storage(std::in_place_type<tuple_ref>, tuple_ref{std::make_shared<list_type>(std::move(items)), group}));
}

template_value template_value::make_dict() {
  return make_dict(template_dict{});
}

template_value template_value::make_dict(template_dict items) {
  return template_value(storage(std::in_place_type<dict_ref>, std::make_shared<template_dict>(std::move(items))));
}

template_value template_value::make_undefined(std::string message, bool lenient) {
  return template_value(storage(std::in_place_type<undefined_ref>,
                                std::make_shared<undefined_data>(undefined_data{std::move(message), lenient})));
}

template_value template_value::make_object(std::shared_ptr<template_object> x) {
  return template_value(storage(std::in_place_type<object_ref>, std::move(x)));
}

template_value::type template_value::kind() const noexcept {
  return static_cast<type>(data_.index());
}

bool template_value::is_number() const noexcept {
  return is(type::integer) || is(type::real) || is(type::boolean);
}

bool template_value::is_sequence() const noexcept {
  return is(type::list) || is(type::tuple);
}

std::int64_t template_value::as_integer() const {
  if (const auto* flag = std::get_if<bool>(&data_))
    return *flag ? 1 : 0;
  return std::get<std::int64_t>(data_);
}

template_value::list_type& template_value::items() const {
  if (const auto* items = std::get_if<list_ref>(&data_))
    return **items;
  return *std::get<tuple_ref>(data_).items;
}

const void* template_value::identity() const noexcept {
  switch (kind()) {
    case type::list:
    case type::tuple: return &items();
    case type::dict: return &dict();
    case type::object: return &object();
    default: return nullptr;
  }
}

bool template_value::same_as(const template_value& other) const {
  if (kind() != other.kind())
    return false;
  const void* here = identity();
  return here != nullptr ? here == other.identity() : equals(other);
}

std::string template_value::str() const {
  tmpl::walk w;
  return is_undefined() ? std::string() : tmpl::to_str(*this, w);
}

std::string template_value::repr() const {
  tmpl::walk w;
  return tmpl::to_repr(*this, w);
}

bool template_value::truthy() const {
  return !is_undefined() && tmpl::truth(*this);
}

bool template_value::equals(const template_value& other) const {
  tmpl::walk w;
  return !is_undefined() && !other.is_undefined() && tmpl::equal(*this, other, w);
}

bool template_dict::hashable(const template_value& key) {
  std::size_t parts = 1000;
  return hashable_within(key, 50, parts);
}

std::size_t template_dict::position(const template_value& key, std::size_t hash) const {
  if (index_.empty()) {
    const auto found =
        std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) { return e.first.equals(key); });
    return static_cast<std::size_t>(found - entries_.begin());
  }
  const auto range = index_.equal_range(hash);
  for (auto it = range.first; it != range.second; ++it) {
    if (entries_[it->second].first.equals(key))
      return it->second;
  }
  return entries_.size();
}

void template_dict::set(template_value key, template_value value) {
  const std::size_t hash = hash_of(key);
  const std::size_t at = position(key, hash);
  if (at < entries_.size()) {
    entries_[at].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (!index_.empty()) {
    index_.emplace(hash, at);
  } else if (entries_.size() > small) {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      index_.emplace(hash_of(entries_[i].first), i);
  }
}

const template_value* template_dict::find(const template_value& key) const {
  if (entries_.empty())
    return nullptr;
  const std::size_t at = position(key, index_.empty() ? 0 : hash_of(key));
  return at < entries_.size() ? &entries_[at].second : nullptr;
}

bool template_dict::erase(const template_value& key) {
  const std::size_t at = position(key, hash_of(key));
  if (at >= entries_.size())
    return false;
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
  index_.clear();
  for (std::size_t i = 0; entries_.size() > small && i < entries_.size(); ++i)
    index_.emplace(hash_of(entries_[i].first), i);
  return true;
}

void template_dict::clear() {
  entries_.clear();
  index_.clear();
}

} // namespace muster::spec
