#pragma once

#include "muster/spec/template.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::spec::tmpl {

using value = template_value;
using type = template_value::type;
using list_type = template_value::list_type;

struct walk;

/// A place in the template's text, both counted from 1.
struct position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

/// Why rendering ends. Thrown inside this folder only: `render_template` turns it into a `template_problem`.
struct failure {
  std::string message;
  ec code = ec::template_error;
};

/// What a function, filter or test is called with.
struct arguments {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> keyword;
};

/// One rendering: its budget, and the owner of every container made in it.
///
/// Containers live until the rendering ends, so that neither a cycle nor a very deep nesting of them can leak or
/// overflow the stack when it is freed.
class runtime {
public:
  explicit runtime(const template_limits& limits);
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Spends `n` steps. Fails when there are none left, or no time.
  void step(std::uint64_t n = 1) {
    if (n >= steps_left_ || (unchecked_ += n) >= 1024)
      check(n);
    steps_left_ -= n;
  }
  /// Spends memory, before it is allocated.
  void take(std::size_t bytes);
  [[nodiscard]] const template_limits& limits() const noexcept { return limits_; }

  // Values, each paid for.
  [[nodiscard]] value str(std::string text, bool markup = false);
  [[nodiscard]] value list(list_type items = {});
  [[nodiscard]] value tuple(list_type items, bool group = false);
  [[nodiscard]] value dict(template_dict items = {});
  [[nodiscard]] value object(std::shared_ptr<template_object> x);
  /// A copy that shares no container with `x`.
  [[nodiscard]] value deep_copy(const value& x);

  /// Where the evaluation is: what a failure is reported at.
  position at;

  /// A lone expression is evaluated: its variables belong to the caller, so that methods which change a value are
  /// refused; a key of a dict hides the method of its name; what lies below an undefined value is undefined.
  bool lone = false;

  /// Counts a level of nested evaluation for as long as it lives.
  class level {
  public:
    explicit level(runtime& rt);
    ~level() { --rt_.depth_; }
    level(const level&) = delete;
    level& operator=(const level&) = delete;

  private:
    runtime& rt_;
  };

private:
  void check(std::uint64_t n);
  value keep(value x, std::size_t bytes);

  template_limits limits_;
  std::chrono::steady_clock::time_point deadline_;
  std::uint64_t steps_left_;
  std::uint64_t unchecked_ = 0;
  std::size_t memory_left_;
  std::size_t depth_ = 0;
  std::vector<value> kept_;
};

} // namespace muster::spec::tmpl

namespace muster::spec {

/// A value that only templates know: a range, a method, a macro, a loop. What it cannot do, it refuses as Python would.
class template_object {
public:
  template_object() = default;
  template_object(const template_object&) = delete;
  template_object& operator=(const template_object&) = delete;
  virtual ~template_object() = default;

  /// The name of its Python type.
  [[nodiscard]] virtual std::string type_name() const = 0;
  /// Python's `repr()`; `w` pays for it and knows what contains it.
  [[nodiscard]] virtual std::string repr(tmpl::walk& w) const;
  [[nodiscard]] virtual bool truthy() const { return true; }
  [[nodiscard]] virtual bool callable() const { return false; }
  [[nodiscard]] virtual bool iterable() const { return false; }
  [[nodiscard]] virtual bool sized() const { return false; }
  [[nodiscard]] virtual bool subscriptable() const { return false; }
  [[nodiscard]] virtual std::size_t size() const { return 0; }
  /// Its items, if it is iterable; a generator is used up by that.
  virtual std::vector<template_value> iterate(tmpl::runtime& rt);
  /// True if it has the attribute; `out` is then its value.
  virtual bool attribute(tmpl::runtime& rt, std::string_view name, template_value& out);
  /// Item `index` counted from 0, less than `size()`; only if it is subscriptable.
  virtual template_value item(std::size_t index) const;
  virtual template_value call(tmpl::runtime& rt, tmpl::arguments& args);
  virtual bool equals(const template_object& other) const { return this == &other; }
  /// Drops what it holds: called when the rendering ends.
  virtual void clear() {}
};

} // namespace muster::spec
