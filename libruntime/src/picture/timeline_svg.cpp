#include "muster/picture/timeline.hpp"

#include "muster/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

/// A timeline as SVG.
namespace muster::picture {

namespace {

constexpr double width = 1200;
constexpr double label_width = 300;
constexpr double plot_width = width - label_width - 20;
constexpr double top = 64;
constexpr double row_height = 18;
constexpr double bar_height = 12;
constexpr std::size_t longest_label = 40;

constexpr const char* style_text = R"(<style>
svg{background:#fff;font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
text{fill:#1f2328}.head{font-weight:600}.faint{fill:#656d76}.title{font-size:15px;font-weight:600}
.grid{stroke:#d8dee4;stroke-width:1}
.ok{fill:#1a7f37}.bad{fill:#cf222e}.busy{fill:#0969da}.stopped{fill:#bf8700}.other{fill:#8c959f}
.queued{opacity:.25}.initializing{opacity:.55}
@media (prefers-color-scheme:dark){
svg{background:#0d1117}text{fill:#e6edf3}.faint{fill:#8d96a0}.grid{stroke:#30363d}
.ok{fill:#3fb950}.bad{fill:#f85149}.busy{fill:#58a6ff}.stopped{fill:#d29922}.other{fill:#6e7681}}
</style>
)";

std::string number(double x) {
  std::array<char, 40> out{};
  std::snprintf(out.data(), out.size(), "%.2f", x);
  std::string text = out.data();
  std::replace(text.begin(), text.end(), ',', '.'); // Of the locale.
  return text;
}

const char* class_of(status s) {
  if (s == status::completed)
    return "ok";
  if (s == status::failed_canceled || s == status::rescheduled || s == status::failed_preempted)
    return "stopped";
  if (is_failed(s))
    return "bad";
  return is_finished(s) ? "other" : "busy";
}

std::string shortened(const std::string& text) {
  if (!is_utf8(text) || code_points(text) <= longest_label)
    return text;
  std::size_t end = 0;
  for (std::size_t n = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U && n++ == longest_label - 1)
      break;
  return text.substr(0, end) + "…";
}

class drawing {
public:
  explicit drawing(const timeline& x) : x_(x) {}

  std::string draw() {
    const auto height = top + row_height * static_cast<double>(x_.rows.size()) + 16;
    out_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) + " " + number(height) +
           "\" width=\"" + number(width) + "\" height=\"" + number(height) + "\" role=\"img\">\n";
    out_ += "<title>" + xml_text(x_.title) + "</title>\n";
    out_ += style_text;
    text(10, 24, "title", x_.title);
    draw_axis(height);
    double y = top;
    for (const auto& row : x_.rows) {
      draw_row(row, y);
      y += row_height;
    }
    return std::move(out_) + "</svg>\n";
  }

private:
  [[nodiscard]] double at(timestamp t) const {
    const auto part = static_cast<double>((t - x_.from).count()) / static_cast<double>((x_.to - x_.from).count());
    return label_width + plot_width * std::clamp(part, 0.0, 1.0);
  }

  void text(double x, double y, const char* what, const std::string& words) {
    out_ += "<text class=\"" + std::string(what) + "\" x=\"" + number(x) + "\" y=\"" + number(y) + "\">" +
            xml_text(words) + "</text>\n";
  }

  void rect(double x, double y, double w, double h, const std::string& what) {
    out_ += "<rect class=\"" + what + "\" x=\"" + number(x) + "\" y=\"" + number(y) + "\" width=\"" + number(w) +
            "\" height=\"" + number(h) + "\"/>";
  }

  void draw_axis(double height) {
    for (const auto tick : ticks_of(x_.to - x_.from, 8)) {
      const auto x = at(x_.from + tick);
      out_ += "<line class=\"grid\" x1=\"" + number(x) + "\" y1=\"" + number(top - 8) + "\" x2=\"" + number(x) +
              "\" y2=\"" + number(height - 8) + "\"/>\n";
      text(x + 2, top - 12, "faint", tick_text(tick));
    }
  }

  void draw_row(const timeline_row& row, double y) {
    const auto indent = 10 + 12 * static_cast<double>(std::min<std::size_t>(row.depth, 10));
    text(indent, y + 13, row.bar || row.band ? "label" : "head", shortened(row.label));
    if (row.bar)
      draw_bar(*row.bar, y + 3);
    if (row.band)
      draw_band(row, y + 1);
  }

  void draw_bar(const attempt_bar& x, double y) {
    constexpr double least = 1;
    out_ += "<g class=\"" + std::string(class_of(x.status)) + "\" data-task=\"" + xml_text(x.task) +
            "\" data-attempt=\"" + std::to_string(x.attempt) + "\"><title>" + xml_text(details(x)) + "</title>";
    const auto end = x.ended.value_or(x_.to);
    const auto placed = x.initializing.value_or(x.running.value_or(end));
    const auto run = x.running.value_or(end);
    phase(x.queued, placed, y, "queued");
    phase(placed, run, y, "initializing");
    const auto left = std::min(at(run), label_width + plot_width - least);
    // What ended at once, or never ran, still has a mark where it ended.
    rect(left, y, std::max(least, at(end) - left), bar_height, "running");
    out_ += "</g>\n";
  }

  void phase(timestamp from, timestamp to, double y, const char* what) {
    if (to > from)
      rect(at(from), y, at(to) - at(from), bar_height, what);
  }

  [[nodiscard]] std::string details(const attempt_bar& x) const {
    auto words = x.task + ", attempt " + std::to_string(x.attempt) + ": " + std::string(to_string(x.status));
    if (x.exit_code != no_exit_code)
      words += ", exit code " + std::to_string(x.exit_code);
    const auto end = x.ended.value_or(x_.to);
    if (x.running)
      words += "\nran " + tick_text(end - *x.running) + ", from " + tick_text(*x.running - x_.from);
    const auto placed = x.initializing.value_or(x.running.value_or(end));
    words += "\nqueued " + tick_text(std::max(duration{}, placed - x.queued));
    if (x.initializing && x.running)
      words += ", initialised in " + tick_text(*x.running - *x.initializing);
    if (!x.node.empty())
      words += "\non " + x.node;
    return x.reason.empty() ? words : words + "\n" + x.reason;
  }

  void draw_band(const timeline_row& row, double y) {
    const auto& band = *row.band;
    const auto most =
        band.running.empty() ? 1U : std::max(1U, *std::max_element(band.running.begin(), band.running.end()));
    out_ += "<g class=\"" + std::string(band.failed > 0 ? "bad" : "ok") + "\" data-family=\"" + xml_text(row.label) +
            "\" data-attempts=\"" + std::to_string(band.attempts) + "\"><title>" +
            xml_text(row.label + ": " + std::to_string(band.attempts) + " attempts, " + std::to_string(band.failed) +
                     " failed, at most " + std::to_string(most) + " at once") +
            "</title>";
    const auto w = plot_width / static_cast<double>(band.running.size());
    for (std::size_t i = 0; i < band.running.size();) {
      auto end = i + 1;
      while (end < band.running.size() && band.running[end] == band.running[i])
        ++end;
      const auto h = (row_height - 2) * band.running[i] / most;
      if (band.running[i] > 0)
        rect(label_width + w * static_cast<double>(i), y + row_height - 2 - h, w * static_cast<double>(end - i), h,
             "band");
      i = end;
    }
    out_ += "</g>\n";
  }

  const timeline& x_;
  std::string out_;
};

} // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto good = first_invalid_utf8(text);
    for (const char c : text.substr(0, good)) {
      switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        case '\n': out += "&#10;"; break;
        default: out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
      }
    }
    if (good < text.size())
      out += '?';
    text.remove_prefix(std::min(text.size(), good + 1));
  }
  // U+FFFE and U+FFFF are UTF-8, but no characters of XML.
  for (const std::string_view bad : {"\xef\xbf\xbe", "\xef\xbf\xbf"})
    for (auto at = out.find(bad); at != std::string::npos; at = out.find(bad))
      out.replace(at, bad.size(), "?");
  return out;
}

std::string to_svg(const timeline& x) {
  return drawing(x).draw();
}

} // namespace muster::picture
