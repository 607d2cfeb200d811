#include "muster/flow/items.hpp"

#include <algorithm>
#include <string>
#include <type_traits>
#include <variant>

namespace muster::flow {

namespace {

using spec::template_dict;
using spec::template_value;

error too_many(const std::string& count) {
  return {ec::limit_exceeded,
          "foreach: " + count + " elements; at most " + std::to_string(item_list::most) + " are possible"};
}

result<std::uint64_t> count_of(const spec::each_of_range& x) {
  if (x.step == 0)
    return {ec::invalid_argument, "foreach: `step` is 0"};
  if (x.step > 0 ? x.from > x.to : x.from < x.to)
    return std::uint64_t{0};
  // Unsigned arithmetic: the distance of two numbers of 64 bits may not fit a signed one.
  const auto far = x.step > 0 ? static_cast<std::uint64_t>(x.to) - static_cast<std::uint64_t>(x.from)
                              : static_cast<std::uint64_t>(x.from) - static_cast<std::uint64_t>(x.to);
  const auto pace = x.step > 0 ? static_cast<std::uint64_t>(x.step) : ~static_cast<std::uint64_t>(x.step) + 1;
  const auto steps = far / pace;
  if (steps >= item_list::most)
    return too_many(std::to_string(steps) + " or more");
  return steps + 1;
}

/// Whether `item` has all entries of `pattern`.
bool has_all(const template_value& item, const template_value& pattern) {
  const auto& wanted = pattern.dict().entries();
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& x) {
    const auto* found = item.dict().find(x.first);
    return found != nullptr && found->equals(x.second);
  });
}

result<std::uint64_t> combinations_of(const spec::each_of_axes& x) {
  std::uint64_t product = x.axes.empty() ? 0 : 1;
  for (const auto& axis : x.axes) {
    product *= axis.second.size();
    if (product > item_list::most)
      return too_many("more than " + std::to_string(item_list::most));
  }
  return product;
}

} // namespace

result<item_list> item_list::make(const spec::item_source& source, const template_value& known) {
  item_list out;
  if (const auto* range = std::get_if<spec::each_of_range>(&source)) {
    const auto count = count_of(*range);
    if (!count)
      return count.failure();
    out.is_range_ = true;
    out.range_ = *range;
    out.size_ = static_cast<std::uint32_t>(*count);
    return out;
  }
  if (const auto* axes = std::get_if<spec::each_of_axes>(&source)) {
    if (auto taken = out.take_axes(*axes); !taken)
      return taken.failure();
    return out;
  }
  if (const auto* list = std::get_if<spec::each_of_list>(&source))
    out.list_ = list->items;
  else if (known.is_sequence())
    out.list_ = known.items();
  else
    return {ec::invalid_argument, "foreach needs a list, and this is " + known.repr().substr(0, 200)};
  if (out.list_.size() > most)
    return too_many(std::to_string(out.list_.size()));
  out.size_ = static_cast<std::uint32_t>(out.list_.size());
  return out;
}

result<void> item_list::take_axes(const spec::each_of_axes& x) {
  const auto product = combinations_of(x);
  if (!product)
    return product.failure();
  axes_ = &x;
  combinations_ = static_cast<std::uint32_t>(*product);
  if (!x.exclude.empty()) {
    for (std::uint32_t i = 0; i < *product; ++i) {
      const auto item = combination(i);
      if (std::none_of(x.exclude.begin(), x.exclude.end(), [&](const auto& out) { return has_all(item, out); }))
        kept_.push_back(i);
    }
    combinations_ = static_cast<std::uint32_t>(kept_.size());
  }
  list_ = x.include;
  if (combinations_ + list_.size() > most)
    return too_many(std::to_string(combinations_ + list_.size()));
  size_ = static_cast<std::uint32_t>(combinations_ + list_.size());
  return {};
}

template_value item_list::combination(std::uint64_t number) const {
  std::vector<const template_value*> chosen(axes_->axes.size());
  for (auto i = chosen.size(); i-- > 0;) {
    const auto& values = axes_->axes[i].second;
    chosen[i] = &values[number % values.size()];
    number /= values.size();
  }
  template_dict item;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    item.set(axes_->axes[i].first, *chosen[i]);
  return template_value::make_dict(std::move(item));
}

template_value item_list::at(std::uint32_t i) const {
  if (is_range_) // Unsigned: the way from `from` to `to` may be longer than a signed number.
    return template_value{static_cast<std::int64_t>(static_cast<std::uint64_t>(range_.from) +
                                                    i * static_cast<std::uint64_t>(range_.step))};
  if (axes_ == nullptr)
    return list_[i];
  if (i >= combinations_)
    return list_[i - combinations_];
  return combination(kept_.empty() ? i : kept_[i]);
}

} // namespace muster::flow
