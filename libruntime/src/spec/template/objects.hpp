#pragma once

#include "spec/template/operations.hpp"

#include <functional>

namespace muster::spec::tmpl {

/// Python's `range`: never more than 100,000 items, which is Jinja's MAX_RANGE in the sandbox.
class range_object final : public template_object {
public:
  range_object(std::int64_t start, std::int64_t stop, std::int64_t step, std::size_t size)
      : start_(start), stop_(stop), step_(step), size_(size) {}
  /// `range(start, stop, step)`; fails if it is too long or `step` is 0.
  static std::shared_ptr<range_object> make(std::int64_t start, std::int64_t stop, std::int64_t step);

  [[nodiscard]] std::string type_name() const override { return "range"; }
  [[nodiscard]] std::string repr(walk& w) const override;
  [[nodiscard]] bool truthy() const override { return size_ > 0; }
  [[nodiscard]] bool iterable() const override { return true; }
  [[nodiscard]] bool sized() const override { return true; }
  [[nodiscard]] bool subscriptable() const override { return true; }
  [[nodiscard]] std::size_t size() const override { return size_; }
  list_type iterate(runtime& rt) override;
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  value item(std::size_t index) const override { return start_ + static_cast<std::int64_t>(index) * step_; }
  bool equals(const template_object& other) const override;
  /// The part from item `first` to before item `end`, each `stride`-th item, `count` of them.
  [[nodiscard]] std::shared_ptr<range_object> part(std::int64_t first, std::int64_t end, std::int64_t stride,
                                                   std::size_t count) const;

private:
  std::int64_t start_;
  std::int64_t stop_;
  std::int64_t step_;
  std::size_t size_;
};

/// What `items()`, `keys()` and `values()` of a dict give, and generators, which can be used once.
class items_object final : public template_object {
public:
  enum class flavour { view, generator, reversed };
  using producer = std::function<list_type(runtime&)>;
  items_object(std::string name, flavour kind, list_type items)
      : name_(std::move(name)), kind_(kind), items_(std::move(items)) {}
  /// A generator: `produce` is called when the first item is asked for.
  items_object(std::string name, producer produce)
      : name_(std::move(name)), kind_(flavour::generator), produce_(std::move(produce)) {}

  [[nodiscard]] std::string type_name() const override { return kind_ == flavour::generator ? "generator" : name_; }
  [[nodiscard]] std::string repr(walk& w) const override;
  [[nodiscard]] bool truthy() const override { return kind_ != flavour::view || !items_.empty(); }
  [[nodiscard]] bool iterable() const override { return true; }
  [[nodiscard]] bool sized() const override { return kind_ == flavour::view; }
  [[nodiscard]] std::size_t size() const override { return items_.size(); }
  [[nodiscard]] bool generator() const { return kind_ != flavour::view; }
  list_type iterate(runtime& rt) override;
  bool equals(const template_object& other) const override;
  void clear() override {
    items_.clear();
    produce_ = nullptr;
  }
  /// The next item of a generator.
  bool next(runtime& rt, value& out);

private:
  void produce(runtime& rt);

  std::string name_;
  flavour kind_;
  producer produce_;
  list_type items_;
  std::size_t used_ = 0;
};

/// A function of the host: a method bound to its object, or a global.
class function_object final : public template_object {
public:
  using body = std::function<value(runtime&, arguments&)>;
  function_object(std::string name, std::string description, body call,
                  std::string python_type = "builtin_function_or_method")
      : name_(std::move(name)), description_(std::move(description)), type_(std::move(python_type)),
        body_(std::move(call)) {}

  [[nodiscard]] std::string type_name() const override { return type_; }
  [[nodiscard]] std::string repr(walk& w) const override;
  [[nodiscard]] bool callable() const override { return true; }
  value call(runtime& rt, arguments& args) override { return body_(rt, args); }
  void clear() override { body_ = nullptr; }

private:
  std::string name_;
  std::string description_;
  std::string type_;
  body body_;
};

/// `namespace(...)`: attributes that may be set from inner scopes.
class namespace_object final : public template_object {
public:
  explicit namespace_object(template_dict attributes) : attributes_(std::move(attributes)) {}
  [[nodiscard]] std::string type_name() const override { return "jinja2.utils.Namespace"; }
  [[nodiscard]] std::string repr(walk& w) const override;
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  void set(runtime& rt, const std::string& name, const value& x);
  void clear() override { attributes_.clear(); }

private:
  template_dict attributes_;
};

/// `cycler(...)`.
class cycler_object final : public template_object {
public:
  explicit cycler_object(list_type items) : items_(std::move(items)) {}
  [[nodiscard]] std::string type_name() const override { return "Cycler"; }
  [[nodiscard]] std::string repr(walk& /*w*/) const override { return "<jinja2.utils.Cycler object at 0x0>"; }
  bool attribute(runtime& rt, std::string_view name, value& out) override;
  void clear() override { items_.clear(); }

private:
  list_type items_;
  std::size_t position_ = 0;
};

/// `joiner(sep)`: nothing at the first call, then the separator.
class joiner_object final : public template_object {
public:
  explicit joiner_object(value separator) : separator_(std::move(separator)) {}
  [[nodiscard]] std::string type_name() const override { return "Joiner"; }
  [[nodiscard]] std::string repr(walk& /*w*/) const override { return "<jinja2.utils.Joiner object at 0x0>"; }
  [[nodiscard]] bool callable() const override { return true; }
  value call(runtime& rt, arguments& args) override;
  void clear() override { separator_ = value(); }

private:
  value separator_;
  bool used_ = false;
};

/// A dict view named `dict_items` and so on, or a generator made by the filter `name`.
[[nodiscard]] value make_view(runtime& rt, std::string name, list_type items);
[[nodiscard]] value make_generator(runtime& rt, std::string name, items_object::producer produce);
/// `reversed(x)`, an iterator of the type `name`.
[[nodiscard]] value make_reversed(runtime& rt, std::string name, list_type items);

/// The function `name` of the global names, or nothing: `range`, `dict`, `namespace`, `cycler`, `joiner`, `lipsum`.
[[nodiscard]] bool find_global(runtime& rt, const std::string& name, value& out);

} // namespace muster::spec::tmpl
