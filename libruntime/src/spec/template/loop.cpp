#include "spec/template/evaluator.hpp"
#include "spec/template/objects.hpp"

#include <algorithm>

namespace muster::spec::tmpl {

// -- items

bool loop_items::fetch() {
  while (next_ < items_.size()) {
    const value& x = items_[next_++];
    if (!passes_ || passes_(x)) {
      ahead_.push_back(x);
      return true;
    }
  }
  return false;
}

std::optional<value> loop_items::take() {
  if (ahead_.empty() && !fetch())
    return std::nullopt;
  value out = ahead_.front();
  ahead_.pop_front();
  return out;
}

const value* loop_items::peek() {
  return ahead_.empty() && !fetch() ? nullptr : &ahead_.front();
}

std::size_t loop_items::count() {
  if (!passes_)
    return ahead_.size() + items_.size() - next_;
  while (fetch())
    ;
  return ahead_.size();
}

// -- the variable

loop_object::loop_object(evaluator& owner, const statement& source, std::shared_ptr<scope> outer, std::size_t depth,
                         loop_items items)
    : owner_(&owner), source_(source), outer_(std::move(outer)), depth_(depth), items_(std::move(items)) {}

void loop_object::clear() {
  outer_.reset();
  items_ = loop_items({}, nullptr);
  current_ = value();
  previous_.reset();
  last_changed_.reset();
}

bool loop_object::advance() {
  auto next = items_.take();
  if (!next)
    return false;
  if (index_ >= 0)
    previous_ = current_;
  current_ = std::move(*next);
  ++index_;
  return true;
}

std::string loop_object::repr(walk& /*w*/) const {
  return "<LoopContext " + std::to_string(index_ + 1) + "/" + std::to_string(length()) + ">";
}

value loop_object::cycle(const arguments& args) const {
  if (args.positional.empty() || !args.keyword.empty())
    throw failure{"no items for cycling given"};
  return args.positional[static_cast<std::size_t>(index_) % args.positional.size()];
}

value loop_object::changed(runtime& rt, const arguments& args) {
  const bool same = last_changed_ && last_changed_->size() == args.positional.size() &&
                    std::equal(last_changed_->begin(), last_changed_->end(), args.positional.begin(),
                               [&](const value& a, const value& b) { return equal(rt, a, b); });
  if (!same)
    last_changed_ = args.positional;
  return !same;
}

bool loop_object::attribute(runtime& rt, std::string_view name, value& out) {
  if (name == "index") {
    out = index_ + 1;
  } else if (name == "index0") {
    out = index_;
  } else if (name == "first") {
    out = index_ == 0;
  } else if (name == "last") {
    out = items_.peek() == nullptr;
  } else if (name == "length") {
    out = length();
  } else if (name == "revindex") {
    out = length() - index_;
  } else if (name == "revindex0") {
    out = length() - index_ - 1;
  } else if (name == "depth") {
    out = static_cast<std::int64_t>(depth_) + 1;
  } else if (name == "depth0") {
    out = static_cast<std::int64_t>(depth_);
  } else if (name == "previtem") {
    out = previous_ ? *previous_ : value::make_undefined("there is no previous item");
  } else if (name == "nextitem") {
    const value* next = items_.peek();
    out = next != nullptr ? *next : value::make_undefined("there is no next item");
  } else if (name == "cycle" || name == "changed") {
    const bool cycles = name == "cycle";
    out = rt.object(std::make_shared<function_object>(
        std::string(name), "<bound method LoopContext." + std::string(name) + ">",
        [this, cycles](runtime& r, arguments& args) { return cycles ? cycle(args) : changed(r, args); }, "method"));
  } else {
    return false;
  }
  return true;
}

value loop_object::call(runtime& /*rt*/, arguments& args) {
  if (!source_.recursive)
    throw failure{"The loop must have the 'recursive' marker to be called recursively."};
  if (args.positional.size() != 1 || !args.keyword.empty())
    throw failure{"loop() takes exactly one argument"};
  return owner_->call_loop(source_, outer_, args.positional[0], depth_ + 1);
}

// -- the statement

value evaluator::call_loop(const statement& loop, const std::shared_ptr<scope>& outer, const value& subject,
                           std::size_t depth) {
  const runtime::level nested(rt_);
  const inner_scope frame(*this, outer);
  return rt_.str(capture([&] { run_loop(loop, subject, depth); }));
}

void evaluator::run_loop(const statement& x, const value& subject, std::size_t depth) {
  const expression& target = *x.targets[0];
  const std::shared_ptr<scope> outer = scope_;
  std::function<bool(const value&)> passes;
  if (x.only_if) {
    passes = [this, &x, &target, outer](const value& item) {
      const runtime::level nested(rt_);
      const inner_scope round(*this, outer);
      assign(target, item);
      return truth(evaluate(*x.only_if));
    };
  }
  rt_.at = x.subject->at;
  auto loop =
      std::make_shared<loop_object>(*this, x, outer, depth, loop_items(iterate(rt_, subject), std::move(passes)));
  const value variable = rt_.object(loop);
  bool any = false;
  while (loop->advance()) {
    any = true;
    rt_.step();
    const inner_scope round(*this, outer);
    assign(target, loop->current());
    scope_->names["loop"] = variable;
    run(x.bodies[0]);
  }
  if (!any && x.bodies.size() > 1) {
    const inner_scope otherwise(*this);
    run(x.bodies[1]);
  }
  loop->clear();
}

} // namespace muster::spec::tmpl
