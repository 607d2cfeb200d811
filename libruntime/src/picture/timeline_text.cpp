#include "muster/picture/timeline.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>
#include <array>

/// A timeline as lines of text.
namespace muster::picture {

namespace {

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return is_utf8(out) ? out : std::string(out.size(), '?');
}

/// Exactly `columns` wide.
std::string fitted(const std::string& text, std::size_t columns) {
  const auto all = code_points(text);
  if (all <= columns)
    return text + std::string(columns - all, ' ');
  std::size_t end = 0;
  for (std::size_t n = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U && n++ + 1 >= columns)
      break;
  return text.substr(0, end) + (columns > 0 ? "…" : "");
}

/// Where labels end and bars begin.
struct columns {
  std::size_t label = 0;
  std::size_t bar = 0;
};

class writer {
public:
  writer(const timeline& x, std::size_t width) : x_(x) {
    constexpr std::size_t least = 10;
    std::size_t longest = 8;
    std::size_t tail = 0; // `  1h30m FAILED_CANCELED`
    for (const auto& row : x.rows) {
      longest = std::max(longest, 2 * row.depth + code_points(printable(row.label)));
      if (row.bar || row.band)
        tail = std::max(tail, 2 + (row.bar ? words(*row.bar) : words(*row.band)).size());
    }
    at_.label = std::min(longest, std::max<std::size_t>(width / 3, least));
    at_.bar = std::max(least, width > at_.label + 2 + tail ? width - at_.label - 2 - tail : 0);
  }

  std::vector<timeline_line> write() {
    std::vector<timeline_line> out{{axis(), std::nullopt}};
    for (const auto& row : x_.rows) {
      const auto label = fitted(std::string(2 * row.depth, ' ') + printable(row.label), at_.label);
      if (row.bar)
        out.push_back({label + "  " + bar(*row.bar) + "  " + words(*row.bar), row.bar->status});
      else if (row.band)
        out.push_back({label + "  " + band(*row.band) + "  " + words(*row.band),
                       row.band->failed > 0 ? status::failed : status::completed});
      else
        out.push_back({std::string(2 * row.depth, ' ') + printable(row.label), std::nullopt});
    }
    return out;
  }

private:
  [[nodiscard]] std::size_t column(timestamp t) const {
    const auto part = static_cast<double>((t - x_.from).count()) / static_cast<double>((x_.to - x_.from).count());
    const auto at = part * static_cast<double>(at_.bar);
    return at <= 0 ? 0 : std::min(at_.bar, static_cast<std::size_t>(at));
  }

  [[nodiscard]] std::string axis() const {
    std::string line(at_.label + 2 + at_.bar, ' ');
    std::size_t free = 0;
    for (const auto tick : ticks_of(x_.to - x_.from, std::max<std::size_t>(at_.bar / 12, 2))) {
      const auto at = at_.label + 2 + column(x_.from + tick);
      const auto text = "|" + tick_text(tick);
      if (at < free || at + text.size() > line.size())
        continue;
      line.replace(at, text.size(), text);
      free = at + text.size() + 1;
    }
    return line.substr(0, line.find_last_not_of(' ') + 1);
  }

  [[nodiscard]] std::string bar(const attempt_bar& x) const {
    const auto end = x.ended.value_or(x_.to);
    const auto placed = x.initializing.value_or(x.running.value_or(end));
    const auto first = std::min(column(x.queued), at_.bar - 1);
    const auto init = std::min(column(placed), at_.bar - 1);
    const auto run = std::min(column(x.running.value_or(end)), at_.bar - 1);
    // What took less than a column has one.
    const auto last = std::max(column(end), run + 1);
    std::string out;
    for (std::size_t i = 0; i < at_.bar; ++i)
      out += i < first || i >= last ? " " : i < std::min(init, run) ? "·" : i < run ? "░" : x.running ? "█" : "▪";
    return out;
  }

  [[nodiscard]] std::string words(const attempt_bar& x) const {
    const auto end = x.ended.value_or(x_.to);
    auto took = end - x.running.value_or(end);
    if (took >= std::chrono::seconds(10))
      took = std::chrono::duration_cast<std::chrono::seconds>(took);
    else
      took = std::chrono::duration_cast<std::chrono::milliseconds>(took);
    auto out = x.running ? tick_text(took) : std::string("-");
    return x.status == status::completed ? out : out + " " + std::string(to_string(x.status));
  }

  [[nodiscard]] std::string band(const density_band& x) const {
    static constexpr std::array<const char*, 9> blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const auto most = x.running.empty() ? 1U : std::max(1U, *std::max_element(x.running.begin(), x.running.end()));
    std::string out;
    for (std::size_t i = 0; i < at_.bar; ++i) {
      const auto first = i * x.running.size() / at_.bar;
      const auto last = std::max(first + 1, (i + 1) * x.running.size() / at_.bar);
      std::uint32_t peak = 0;
      for (auto n = first; n < last && n < x.running.size(); ++n)
        peak = std::max(peak, x.running[n]);
      out += blocks[peak == 0 ? 0 : std::max<std::size_t>(1, std::size_t{8} * peak / most)];
    }
    return out;
  }

  [[nodiscard]] static std::string words(const density_band& x) {
    auto out = std::to_string(x.attempts) + " attempts";
    return x.failed > 0 ? out + ", " + std::to_string(x.failed) + " failed" : out;
  }

  const timeline& x_;
  columns at_;
};

} // namespace

std::vector<timeline_line> to_text(const timeline& x, std::size_t width) {
  return writer(x, width).write();
}

} // namespace muster::picture
