#include "spec/template/runtime.hpp"

namespace muster::spec::tmpl {

runtime::runtime(const template_limits& limits)
    : limits_(limits), deadline_(std::chrono::steady_clock::now() + limits.wall_time), steps_left_(limits.steps),
      memory_left_(limits.memory_bytes) {}

runtime::~runtime() {
  for (const auto& x : kept_) {
    switch (x.kind()) {
      case type::list:
      case type::tuple: x.items().clear(); break;
      case type::dict: x.dict().clear(); break;
      case type::object: x.object().clear(); break;
      default: break;
    }
  }
}

void runtime::check(std::uint64_t n) {
  unchecked_ = 0;
  if (n >= steps_left_)
    throw failure{"the template takes more than " + std::to_string(limits_.steps) + " steps", ec::limit_exceeded};
  if (std::chrono::steady_clock::now() >= deadline_)
    throw failure{"the template takes longer than " + std::to_string(limits_.wall_time.count()) + " ms",
                  ec::limit_exceeded};
}

void runtime::take(std::size_t bytes) {
  if (bytes > memory_left_)
    throw failure{"the template needs more than " + std::to_string(limits_.memory_bytes) + " bytes of memory",
                  ec::limit_exceeded};
  memory_left_ -= bytes;
  // Touching memory takes time as well.
  step(bytes / 64);
}

value runtime::str(std::string text, bool markup) {
  take(text.size() + sizeof(value::string_data));
  return value::make_string(std::move(text), markup);
}

value runtime::keep(value x, std::size_t bytes) {
  take(bytes + 2 * sizeof(value));
  kept_.push_back(x);
  return x;
}

value runtime::list(list_type items) {
  const std::size_t bytes = items.size() * sizeof(value);
  return keep(value::make_list(std::move(items)), bytes);
}

value runtime::tuple(list_type items, bool group) {
  const std::size_t bytes = items.size() * sizeof(value);
  return keep(value::make_tuple(std::move(items), group), bytes);
}

value runtime::dict(template_dict items) {
  const std::size_t bytes = items.size() * 4 * sizeof(value);
  return keep(value::make_dict(std::move(items)), bytes + sizeof(template_dict));
}

value runtime::object(std::shared_ptr<template_object> x) {
  return keep(value::make_object(std::move(x)), 128);
}

value runtime::deep_copy(const value& x) {
  const level nested(*this);
  step();
  if (x.is_sequence()) {
    list_type items;
    items.reserve(x.items().size());
    for (const auto& item : x.items())
      items.push_back(deep_copy(item));
    return x.is(type::list) ? list(std::move(items)) : tuple(std::move(items));
  }
  if (x.is(type::dict)) {
    template_dict copy;
    for (const auto& [key, item] : x.dict().entries())
      copy.set(key, deep_copy(item));
    return dict(std::move(copy));
  }
  return x;
}

runtime::level::level(runtime& rt) : rt_(rt) {
  if (rt_.depth_ >= rt_.limits_.depth)
    throw failure{"the template nests deeper than " + std::to_string(rt_.limits_.depth) + " levels",
                  ec::limit_exceeded};
  ++rt_.depth_;
}

} // namespace muster::spec::tmpl

namespace muster::spec {

std::string template_object::repr(tmpl::walk& /*w*/) const {
  return "<" + type_name() + " object at 0x0>";
}

std::vector<template_value> template_object::iterate(tmpl::runtime& /*rt*/) {
  throw tmpl::failure{"'" + type_name() + "' object is not iterable"};
}

bool template_object::attribute(tmpl::runtime& /*rt*/, std::string_view /*name*/, template_value& /*out*/) {
  return false;
}

template_value template_object::item(std::size_t /*index*/) const {
  return {};
}

template_value template_object::call(tmpl::runtime& /*rt*/, tmpl::arguments& /*args*/) {
  throw tmpl::failure{"'" + type_name() + "' object is not callable"};
}

} // namespace muster::spec
