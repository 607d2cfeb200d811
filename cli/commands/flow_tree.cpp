#include "cli/commands/flow_tree.hpp"

#include "cli/commands/listing.hpp"
#include "cli/remote/answers.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/state.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>
#include <unistd.h>

/// The steps of a run as a tree.
namespace muster::cli {

namespace {

using picture::step_state;

std::vector<step_state> steps_of(const nlohmann::ordered_json& list);

step_state step_of(const nlohmann::ordered_json& x) {
  const auto count = [](const nlohmann::ordered_json& from, const char* name) {
    return static_cast<std::uint32_t>(number_of(from, name));
  };
  step_state out;
  out.path = text_of(x, "path");
  out.kind = text_of(x, "kind");
  out.status = status_of(x);
  out.reason = text_of(x, "reason");
  if (const auto counts = x.find("elements"); counts != x.end() && counts->is_object()) {
    out.is_foreach = true;
    out.elements = count(*counts, "total");
    out.completed = count(*counts, "completed");
    out.failed = count(*counts, "failed");
    out.skipped = count(*counts, "skipped");
    out.running = count(*counts, "running");
    out.queued = count(*counts, "queued");
  }
  out.rounds = count(x, "rounds");
  out.began = time_of(x, "running");
  out.ended = time_of(x, "ended");
  for (const auto& one : x.value("failures", nlohmann::ordered_json::array()))
    out.failures.push_back({text_of(one, "path"), status_of(one), text_of(one, "reason")});
  out.more_failures = static_cast<std::uint64_t>(number_of(x, "more_failures"));
  out.inner = steps_of(x.value("inner", nlohmann::ordered_json::array()));
  return out;
}

std::vector<step_state> steps_of(const nlohmann::ordered_json& list) {
  std::vector<step_state> out;
  for (const auto& x : list)
    if (x.is_object())
      out.push_back(step_of(x));
  return out;
}

/// What is most worth a line comes first.
int rank(const step_state& x) {
  if (is_failed(x.status))
    return 0;
  return x.status == status::running ? 1 : 2;
}

class tree_printer {
public:
  explicit tree_printer(std::size_t most) : most_(most), look_(style::for_descriptor(STDOUT_FILENO)) {}

  void print_top(const std::vector<step_state>& steps) {
    for (const auto& x : steps)
      width_ = std::max(width_, width_of(x.path));
    for (const auto& x : steps) {
      print_line(x, "", width_);
      print_below(x, "");
    }
  }

private:
  void print_line(const step_state& x, const std::string& lead, std::size_t width) {
    const auto name = printable(x.path);
    std::cout << look_.paint(tone::faint, lead) << look_.paint(tone::strong, name)
              << std::string(width > width_of(name) ? width - width_of(name) : 0, ' ') << "  "
              << look_.paint(tone_of(x.status), to_string(x.status));
    if (x.kind != "task" && x.kind != "element" && x.kind != "round" && !x.is_foreach)
      std::cout << look_.paint(tone::faint, "  " + x.kind);
    if (const auto counts = counts_text(x); !counts.empty())
      std::cout << "  " << counts;
    if (x.rounds > 0)
      std::cout << "  " << count_of(x.rounds, "round");
    if (x.began)
      std::cout << "  " << elapsed(x.began, x.ended);
    if (!x.reason.empty() && !(x.status == status::completed && x.reason == "exit code 0"))
      std::cout << "  " << printable(x.reason);
    std::cout << '\n';
  }

  /// One line each, bounded: failures, steps, elements.
  void print_below(const step_state& x, const std::string& margin) {
    std::vector<const step_state*> shown;
    std::vector<const step_state*> elements;
    for (const auto& inner : x.inner)
      (inner.kind == "element" ? elements : shown).push_back(&inner);
    std::stable_sort(elements.begin(), elements.end(),
                     [](const auto* a, const auto* b) { return rank(*a) < rank(*b); });
    const auto kept = std::min(elements.size(), most_);
    const auto hidden = elements.size() - kept;
    shown.insert(shown.end(), elements.begin(), elements.begin() + static_cast<std::ptrdiff_t>(kept));
    const auto failures = std::min(x.failures.size(), most_);
    const auto more_failures = x.more_failures + (x.failures.size() - failures);
    auto lines = failures + (more_failures > 0 ? 1 : 0) + shown.size() + (hidden > 0 ? 1 : 0);
    std::size_t width = 0;
    for (std::size_t i = 0; i < failures; ++i)
      width = std::max(width, width_of(x.failures[i].path));
    for (const auto* inner : shown)
      width = std::max(width, width_of(inner->path));
    const auto lead = [&] { return margin + (--lines == 0 ? "└─ " : "├─ "); };
    for (std::size_t i = 0; i < failures; ++i)
      print_failure(x.failures[i], lead(), width);
    if (more_failures > 0)
      std::cout << look_.paint(tone::faint, lead()) << "and " << more_failures << " more failed\n";
    for (const auto* inner : shown) {
      print_line(*inner, lead(), width);
      print_below(*inner, margin + (lines == 0 ? "   " : "│  "));
    }
    if (hidden > 0)
      std::cout << look_.paint(tone::faint, lead()) << "and " << hidden << " more that run or are queued\n";
  }

  void print_failure(const picture::failed_gang& x, const std::string& lead, std::size_t width) {
    const auto name = printable(x.path);
    std::cout << look_.paint(tone::faint, lead) << name
              << std::string(width > width_of(name) ? width - width_of(name) : 0, ' ') << "  "
              << look_.paint(tone_of(x.status), to_string(x.status));
    if (!x.reason.empty())
      std::cout << "  " << printable(x.reason);
    std::cout << '\n';
  }

  std::size_t most_;
  style look_;
  std::size_t width_ = 0;
};

} // namespace

void print_flow(const nlohmann::ordered_json& steps, std::size_t most) {
  tree_printer(most).print_top(steps_of(steps));
}

} // namespace muster::cli
