#include "spec/template/objects.hpp"

#include "spec/template/methods.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/text.hpp"

#include <algorithm>

namespace muster::spec::tmpl {
namespace {

constexpr std::uint64_t max_range = 100'000;

value make_function(runtime& rt, std::string name, function_object::body body) {
  std::string description = "<function " + name + " at 0x0>";
  return rt.object(
      std::make_shared<function_object>(std::move(name), std::move(description), std::move(body), "function"));
}

value make_range(runtime& rt, arguments& args) {
  if (!args.keyword.empty())
    throw failure{"range() takes no keyword arguments"};
  const auto& x = args.positional;
  if (x.empty() || x.size() > 3)
    throw failure{"range expected 1 to 3 arguments, got " + std::to_string(x.size())};
  const std::int64_t start = x.size() == 1 ? 0 : to_index(x[0]);
  const std::int64_t stop = to_index(x[x.size() == 1 ? 0 : 1]);
  return rt.object(range_object::make(start, stop, x.size() == 3 ? to_index(x[2]) : 1));
}

// What dict(), namespace() and update() take: a dict or pairs, then keywords.
template_dict collect(runtime& rt, std::string_view function, arguments& args) {
  template_dict out;
  if (args.positional.size() > 1)
    throw failure{std::string(function) + " expected at most 1 argument, got " +
                  std::to_string(args.positional.size())};
  if (!args.positional.empty()) {
    const value& source = args.positional[0];
    if (source.is(type::dict)) {
      rt.step(source.dict().size());
      rt.take(source.dict().size() * 4 * sizeof(value));
      out = source.dict();
    } else {
      for (const auto& pair : iterate(rt, source)) {
        const list_type two = iterate(rt, pair);
        if (two.size() != 2)
          throw failure{"dictionary update sequence element has length " + std::to_string(two.size()) +
                        "; 2 is required"};
        set_entry(rt, out, two[0], two[1]);
      }
    }
  }
  for (const auto& [name, x] : args.keyword)
    set_entry(rt, out, rt.str(name), x);
  return out;
}

value make_items(runtime& rt, std::string name, items_object::flavour flavour, list_type items) {
  rt.take(items.size() * sizeof(value));
  return rt.object(std::make_shared<items_object>(std::move(name), flavour, std::move(items)));
}

} // namespace

std::shared_ptr<range_object> range_object::make(std::int64_t start, std::int64_t stop, std::int64_t step) {
  if (step == 0)
    throw failure{"range() arg 3 must not be zero"};
  std::uint64_t size = 0;
  if (step > 0 ? start < stop : start > stop) {
    const std::uint64_t distance = step > 0 ? static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start)
                                            : static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop);
    const std::uint64_t stride = step > 0 ? static_cast<std::uint64_t>(step) : 0 - static_cast<std::uint64_t>(step);
    size = (distance - 1) / stride + 1;
  }
  if (size > max_range)
    throw failure{"Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."};
  return std::make_shared<range_object>(start, stop, step, static_cast<std::size_t>(size));
}

std::string range_object::repr(walk& /*w*/) const {
  const std::string out = "range(" + std::to_string(start_) + ", " + std::to_string(stop_);
  return out + (step_ == 1 ? ")" : ", " + std::to_string(step_) + ")");
}

list_type range_object::iterate(runtime& rt) {
  rt.take(size_ * sizeof(value));
  list_type out;
  out.reserve(size_);
  for (std::size_t i = 0; i < size_; ++i)
    out.push_back(item(i));
  return out;
}

bool range_object::attribute(runtime& rt, std::string_view name, value& out) {
  if (name == "start" || name == "step" || name == "stop") {
    out = name == "start" ? start_ : name == "step" ? step_ : stop_;
    return true;
  }
  if (name == "count" || name == "index") {
    out = get_attribute(rt, rt.tuple(iterate(rt)), std::string(name));
    return true;
  }
  return false;
}

bool range_object::equals(const template_object& other) const {
  const auto* range = dynamic_cast<const range_object*>(&other);
  if (range == nullptr || range->size_ != size_)
    return false;
  return size_ == 0 || (start_ == range->start_ && (size_ == 1 || step_ == range->step_));
}

std::shared_ptr<range_object> range_object::part(std::int64_t first, std::int64_t end, std::int64_t stride,
                                                 std::size_t count) const {
  const auto at = [&](std::int64_t i) {
    std::int64_t out = 0;
    if (__builtin_mul_overflow(i, step_, &out) || __builtin_add_overflow(start_, out, &out))
      throw failure{"the range does not fit into integers of 64 bits"};
    return out;
  };
  std::int64_t step = 0;
  if (__builtin_mul_overflow(stride, step_, &step))
    throw failure{"the range does not fit into integers of 64 bits"};
  return std::make_shared<range_object>(at(first), at(end), step, count);
}

std::string items_object::repr(walk& w) const {
  if (kind_ == flavour::generator)
    return "<generator object " + name_ + " at 0x0>";
  if (kind_ == flavour::reversed)
    return "<" + name_ + " object at 0x0>";
  if (std::find(w.path.begin(), w.path.end(), this) != w.path.end() || w.path.size() >= walk::deepest)
    return "...";
  w.path.push_back(this);
  std::string out = name_ + "([";
  for (std::size_t i = 0; i < items_.size(); ++i)
    out += (i > 0 ? ", " : "") + to_repr(items_[i], w);
  w.path.pop_back();
  w.visit(out.size());
  return out + "])";
}

void items_object::produce(runtime& rt) {
  if (!produce_)
    return;
  const producer once = std::move(produce_);
  produce_ = nullptr;
  items_ = once(rt);
}

list_type items_object::iterate(runtime& rt) {
  produce(rt);
  rt.take(items_.size() * sizeof(value));
  if (kind_ == flavour::view)
    return items_;
  list_type rest(items_.begin() + static_cast<std::ptrdiff_t>(used_), items_.end());
  used_ = items_.size();
  return rest;
}

bool items_object::equals(const template_object& other) const {
  const auto* items = dynamic_cast<const items_object*>(&other);
  if (this == &other)
    return true;
  if (items == nullptr || kind_ != flavour::view || items->kind_ != flavour::view || name_ == "dict_values" ||
      items->name_ != name_ || items->items_.size() != items_.size())
    return false;
  // Keys and items are sets.
  return std::all_of(items_.begin(), items_.end(), [&](const value& x) {
    return std::any_of(items->items_.begin(), items->items_.end(), [&](const value& y) { return x.equals(y); });
  });
}

bool items_object::next(runtime& rt, value& out) {
  produce(rt);
  if (used_ >= items_.size())
    return false;
  out = items_[used_++];
  return true;
}

std::string function_object::repr(walk& /*w*/) const {
  return description_;
}

std::string namespace_object::repr(walk& w) const {
  if (std::find(w.path.begin(), w.path.end(), this) != w.path.end() || w.path.size() >= walk::deepest)
    return "<Namespace ...>";
  w.path.push_back(this);
  std::string out = "<Namespace {";
  for (const auto& [key, x] : attributes_.entries()) {
    if (out.back() != '{')
      out += ", ";
    out += to_repr(key, w) + ": " + to_repr(x, w);
  }
  w.path.pop_back();
  w.visit(out.size());
  return out + "}>";
}

bool namespace_object::attribute(runtime& /*rt*/, std::string_view name, value& out) {
  const value* found = attributes_.find(value(name));
  if (found != nullptr)
    out = *found;
  return found != nullptr;
}

void namespace_object::set(runtime& rt, const std::string& name, const value& x) {
  set_entry(rt, attributes_, rt.str(name), x);
}

bool cycler_object::attribute(runtime& rt, std::string_view name, value& out) {
  if (name == "current") {
    out = items_[position_];
  } else if (name == "pos") {
    out = static_cast<std::int64_t>(position_);
  } else if (name == "items") {
    out = rt.tuple(items_);
  } else if (name == "next" || name == "reset") {
    const bool advance = name == "next";
    out = make_function(rt, std::string(name), [this, advance](runtime& r, arguments& args) {
      const parameters none(r, "next", args, {});
      const value current = items_[position_];
      position_ = advance ? (position_ + 1) % items_.size() : 0;
      return advance ? current : value();
    });
  } else {
    return false;
  }
  return true;
}

value joiner_object::call(runtime& rt, arguments& args) {
  const parameters none(rt, "joiner", args, {});
  if (used_)
    return separator_;
  used_ = true;
  return rt.str("");
}

value make_view(runtime& rt, std::string name, list_type items) {
  return make_items(rt, std::move(name), items_object::flavour::view, std::move(items));
}

value make_generator(runtime& rt, std::string name, items_object::producer produce) {
  return rt.object(std::make_shared<items_object>(std::move(name), std::move(produce)));
}

value make_reversed(runtime& rt, std::string name, list_type items) {
  return make_items(rt, std::move(name), items_object::flavour::reversed, std::move(items));
}

bool find_global(runtime& rt, const std::string& name, value& out) {
  if (name == "range") {
    out = make_function(rt, "safe_range", make_range);
  } else if (name == "dict") {
    out = make_function(rt, "dict", [](runtime& r, arguments& args) { return r.dict(collect(r, "dict", args)); });
  } else if (name == "namespace") {
    out = make_function(rt, "namespace", [](runtime& r, arguments& args) {
      return r.object(std::make_shared<namespace_object>(collect(r, "namespace", args)));
    });
  } else if (name == "cycler") {
    out = make_function(rt, "cycler", [](runtime& r, arguments& args) {
      if (args.positional.empty() || !args.keyword.empty())
        throw failure{"at least one item has to be provided"};
      return r.object(std::make_shared<cycler_object>(args.positional));
    });
  } else if (name == "joiner") {
    out = make_function(rt, "joiner", [](runtime& r, arguments& args) {
      const parameters p(r, "joiner", args, {"sep"});
      return r.object(std::make_shared<joiner_object>(p.has(0) ? p[0] : value(", ")));
    });
  } else if (name == "lipsum") {
    out = make_function(rt, "lipsum", [](runtime& /*r*/, arguments& /*args*/) -> value {
      throw failure{"lipsum is not supported: a rendered text must be the same each time"};
    });
  } else {
    return false;
  }
  return true;
}

} // namespace muster::spec::tmpl
