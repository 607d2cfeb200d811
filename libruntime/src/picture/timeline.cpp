#include "muster/picture/timeline.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace muster::picture {

namespace {

bool is_number(std::string_view x) {
  return !x.empty() && x.find_first_not_of("0123456789") == std::string_view::npos;
}

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('.', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// The scope above the `foreach` that a family begins with: `a` of `a.map.*.leaf.*`.
std::vector<std::string> scope_of_family(const std::string& family) {
  const auto segments = segments_of(family);
  std::vector<std::string> out;
  std::string path;
  for (std::size_t i = 0; i + 1 < segments.size() && segments[i + 1] != "*"; ++i) {
    path += (path.empty() ? "" : ".") + segments[i];
    out.push_back(path);
  }
  return out;
}

} // namespace

/// A heading and what stands below it.
struct timeline_builder::branch {
  std::string label;
  std::map<std::string, std::size_t> known;
  std::vector<std::unique_ptr<branch>> inner;
  std::vector<std::pair<const branch*, std::size_t>> order; ///< A heading, or an entry.

  branch& below(const std::string& name) {
    const auto [at, fresh] = known.try_emplace(name, inner.size());
    if (fresh) {
      inner.push_back(std::make_unique<branch>());
      inner.back()->label = name;
      order.emplace_back(inner.back().get(), 0);
    }
    return *inner[at->second];
  }
};

std::string family_of(const std::string& task) {
  if (task.find('.') == std::string::npos)
    return {};
  std::string out;
  bool element = false;
  for (const auto& segment : segments_of(task)) {
    const bool number = !out.empty() && is_number(segment);
    element = element || number;
    out += (out.empty() ? "" : ".") + (number ? std::string("*") : segment);
  }
  return element ? out : std::string{};
}

void place_in_flow(attempt_bar& x) {
  x.family = family_of(x.task);
  x.scope.clear();
  for (auto dot = x.task.find('.'); dot != std::string::npos; dot = x.task.find('.', dot + 1))
    x.scope.push_back(x.task.substr(0, dot));
}

timeline_builder::interval timeline_builder::interval_of(const attempt_bar& x) {
  const auto begin = x.initializing ? *x.initializing : x.running ? *x.running : x.ended ? *x.ended : x.queued;
  return {begin, x.ended, is_failed(x.status)};
}

void timeline_builder::add(attempt_bar x) {
  for (const auto& time : {std::optional{x.queued}, x.initializing, x.running, x.ended})
    if (time)
      latest_ = std::max(latest_, *time);
  if (x.family.empty()) {
    auto scope = x.scope;
    entries_.push_back({std::move(scope), std::move(x), "", false});
    return;
  }
  auto& all = families_[x.family];
  if (all.intervals.empty() && all.bars.size() < limits_.elements) {
    all.bars.push_back(entries_.size());
    auto scope = x.scope;
    entries_.push_back({std::move(scope), std::move(x), "", false});
    return;
  }
  if (all.intervals.empty()) {
    for (const auto at : all.bars) {
      all.intervals.push_back(interval_of(*entries_[at].bar));
      entries_[at].bar.reset();
      entries_[at].gone = true;
    }
    // The band stands where the first of them stood.
    all.entry = all.bars.empty() ? entries_.size() : all.bars.front();
    if (all.bars.empty())
      entries_.emplace_back();
    entries_[all.entry] = {scope_of_family(x.family), std::nullopt, x.family, false};
  }
  all.intervals.push_back(interval_of(x));
}

density_band timeline_builder::band_of(const std::vector<interval>& x, const timeline& within) const {
  const auto slices = std::max<std::size_t>(limits_.slices, 1);
  const auto whole = static_cast<double>((within.to - within.from).count());
  const auto slice_of = [&](timestamp t) {
    const auto part = static_cast<double>((t - within.from).count()) / whole * static_cast<double>(slices);
    return part <= 0 ? std::size_t{0} : std::min(slices - 1, static_cast<std::size_t>(part));
  };
  density_band out;
  std::vector<std::int64_t> change(slices + 1, 0);
  for (const auto& one : x) {
    ++out.attempts;
    out.failed += one.failed ? 1 : 0;
    const auto first = slice_of(one.begin);
    ++change[first];
    --change[std::max(first, slice_of(one.end.value_or(within.to))) + 1];
  }
  std::int64_t now = 0;
  for (std::size_t i = 0; i < slices; ++i) {
    now += change[i];
    out.running.push_back(static_cast<std::uint32_t>(now));
  }
  return out;
}

void timeline_builder::flatten(const branch& from, std::size_t depth, timeline& out,
                               std::vector<interval>& rest) const {
  for (const auto& [inner, at] : from.order) {
    const bool full = out.rows.size() >= limits_.rows;
    if (inner != nullptr) {
      if (!full)
        out.rows.push_back({depth, inner->label, std::nullopt, std::nullopt});
      flatten(*inner, depth + 1, out, rest);
      continue;
    }
    const auto& x = entries_[at];
    const auto of_band = x.bar ? families_.end() : families_.find(x.family);
    if (full && x.bar)
      rest.push_back(interval_of(*x.bar));
    else if (full)
      rest.insert(rest.end(), of_band->second.intervals.begin(), of_band->second.intervals.end());
    else if (x.bar)
      out.rows.push_back({depth,
                          x.bar->attempt == 0 ? x.bar->task : x.bar->task + " #" + std::to_string(x.bar->attempt),
                          x.bar, std::nullopt});
    else
      out.rows.push_back({depth, x.family, std::nullopt, band_of(of_band->second.intervals, out)});
  }
}

timeline timeline_builder::finish(std::string title, timestamp from, timestamp to) {
  timeline out{std::move(title), from, std::max({to, latest_, from + duration{1}}), {}};
  branch root;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].gone)
      continue;
    auto* place = &root;
    for (const auto& heading : entries_[i].scope)
      place = &place->below(heading);
    place->order.emplace_back(nullptr, i);
  }
  std::vector<interval> rest;
  flatten(root, 0, out, rest);
  if (!rest.empty()) {
    auto band = band_of(rest, out);
    out.rows.push_back({0, std::to_string(rest.size()) + " more attempts", std::nullopt, std::move(band)});
  }
  return out;
}

std::vector<duration> ticks_of(duration whole, std::size_t most) {
  static constexpr std::array<std::int64_t, 13> seconds{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600};
  std::int64_t step = 0;
  const auto least =
      std::max<std::int64_t>(1, whole.count() / static_cast<std::int64_t>(std::max<std::size_t>(most, 1)));
  for (std::int64_t unit = 1; unit < 1'000'000 && step == 0; unit *= 10)
    for (const auto factor : {1, 2, 5})
      if (step == 0 && unit * factor >= least)
        step = unit * factor;
  for (const auto x : seconds)
    if (step == 0 && x * 1'000'000 >= least)
      step = x * 1'000'000;
  for (std::int64_t hours = 2; step == 0; hours *= 2)
    if (hours * 3'600'000'000 >= least)
      step = hours * 3'600'000'000;
  std::vector<duration> out;
  for (std::int64_t at = 0; at <= whole.count(); at += step)
    out.emplace_back(at);
  return out;
}

std::string tick_text(duration x) {
  const auto micros = x.count();
  std::array<char, 48> out{};
  const auto print = [&](const char* format, auto... parts) {
    std::snprintf(out.data(), out.size(), format, parts...);
    return std::string(out.data());
  };
  if (micros == 0)
    return "0s";
  if (micros < 1000)
    return print("%lldus", static_cast<long long>(micros));
  if (micros < 1'000'000)
    return print("%gms", static_cast<double>(micros) / 1000);
  if (micros < 60'000'000)
    return print("%gs", static_cast<double>(micros) / 1'000'000);
  const auto seconds = static_cast<long long>(micros / 1'000'000);
  if (seconds < 3600)
    return seconds % 60 == 0 ? print("%lldm", seconds / 60) : print("%lldm%02llds", seconds / 60, seconds % 60);
  return seconds % 3600 < 60 ? print("%lldh", seconds / 3600)
                             : print("%lldh%02lldm", seconds / 3600, seconds / 60 % 60);
}

} // namespace muster::picture
