#include "muster/picture/graph.hpp"

#include <cstddef>

namespace muster::picture {

namespace {

constexpr std::size_t longest_phrase = 60;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// Cut at a code point, so that a label stays a label.
std::string shortened(const std::string& text) {
  if (text.size() <= longest_phrase)
    return text;
  auto end = longest_phrase;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return text.substr(0, end) + "…";
}

std::string title_of(const outline_scope& x) {
  return x.label.empty() ? x.role : x.role + " " + x.label;
}

bool is_container(const outline_step& x) {
  return !x.inner.empty();
}

/// Lines of a label: the name, members of a group, and what decides how it runs.
std::vector<std::string> lines_of(const outline_step& x) {
  std::vector<std::string> lines{x.step->name};
  if (x.kind != "task")
    lines.front() += " (" + x.kind + ")";
  if (const auto* gang = std::get_if<spec::group>(&x.step->body); gang != nullptr && x.kind == "group")
    for (const auto& task : gang->tasks)
      lines.push_back(task.name + (task.lead ? " (lead)" : ""));
  for (const auto& phrase : phrases(x))
    lines.push_back(shortened(phrase));
  return lines;
}

std::string word_of(const outline_edge& x) {
  if (x.by_element)
    return "each";
  switch (x.on) {
    case spec::after_on::success: break;
    case spec::after_on::success_or_skipped: return "also skipped";
    case spec::after_on::failure: return "if it fails";
    case spec::after_on::always: return "always";
  }
  return "";
}

/// Writes nodes, then edges, for both languages. Steps are numbered as they come.
class writer {
public:
  explicit writer(bool mermaid) : mermaid_(mermaid) {}

  /// Returns a node in it.
  std::string write(const outline_scope& x, std::size_t depth) {
    if (x.steps.empty()) {
      auto id = "s" + std::to_string(count_++);
      line(depth, id + (mermaid_ ? "[\" \"]" : " [shape=point];"));
      return id;
    }
    std::vector<place> places;
    for (const auto& step : x.steps)
      places.push_back(write_step(step, depth));
    for (std::size_t i = 0; i < x.steps.size(); ++i)
      for (const auto& edge : x.steps[i].edges)
        add_edge(places[edge.from], places[i], edge);
    return places.front().node;
  }

  [[nodiscard]] std::string take() { return text_ + edges_; }

private:
  /// Where edges of a step begin and end.
  struct place {
    std::string id;   ///< Of the node, or of the box.
    std::string node; ///< A node, or one in the box.
    bool box = false;
  };

  void line(std::size_t depth, const std::string& what) { text_ += std::string(2 * depth, ' ') + what + '\n'; }

  [[nodiscard]] std::string label(const std::vector<std::string>& lines) const {
    std::string out = "\"";
    for (std::size_t i = 0; i < lines.size(); ++i)
      out += (i == 0 ? "" : mermaid_ ? "<br/>" : "\\n") + (mermaid_ ? mermaid_text(lines[i]) : dot_text(lines[i]));
    return out + '"';
  }

  void open_box(const std::string& id, const std::vector<std::string>& lines, bool dashed, std::size_t depth) {
    if (mermaid_)
      return line(depth, "subgraph " + id + "[" + label(lines) + "]");
    line(depth, "subgraph cluster_" + id + " {");
    line(depth + 1, "label=" + label(lines) + "; style=\"" + (dashed ? "rounded,dashed" : "rounded") + "\";");
  }

  void close_box(std::size_t depth) { line(depth, mermaid_ ? "end" : "}"); }

  place write_step(const outline_step& x, std::size_t depth) {
    const auto id = "s" + std::to_string(count_++);
    if (!is_container(x)) {
      write_node(x, id, depth);
      return {id, id, false};
    }
    open_box(id, lines_of(x), false, depth);
    place out{id, "", true};
    // What handles the failure of a task stands beside it.
    if (std::holds_alternative<spec::group>(x.step->body)) {
      out.node = id + "_body";
      line(depth + 1, mermaid_ ? out.node + "[" + label({x.step->name}) + "]"
                               : out.node + " [label=" + label({x.step->name}) + "];");
    }
    for (const auto& scope : x.inner) {
      const bool titled = !scope.role.empty();
      const auto box = id + "_" + std::to_string(count_++);
      if (titled)
        open_box(box, {title_of(scope)}, scope.role != "branch", depth + 1);
      const auto inside = write(scope, depth + (titled ? 2 : 1));
      if (out.node.empty())
        out.node = inside;
      if (titled)
        close_box(depth + 1);
    }
    close_box(depth);
    return out;
  }

  void write_node(const outline_step& x, const std::string& id, std::size_t depth) {
    const bool many = x.step->foreach.has_value();
    if (mermaid_)
      return line(depth, id + (many ? "[[" : "[") + label(lines_of(x)) + (many ? "]]" : "]"));
    line(depth, id + " [label=" + label(lines_of(x)) + (many ? ", peripheries=2" : "") + "];");
  }

  void add_edge(const place& from, const place& to, const outline_edge& edge) {
    const auto word = word_of(edge);
    if (mermaid_) {
      edges_ += "  " + from.id + (edge.is_data ? " -->" : " -.->") + (word.empty() ? "" : "|\"" + word + "\"|") + " " +
                to.id + '\n';
      return;
    }
    std::string more;
    const auto add = [&](const std::string& x) { more += (more.empty() ? "" : ", ") + x; };
    if (from.box)
      add("ltail=cluster_" + from.id);
    if (to.box)
      add("lhead=cluster_" + to.id);
    if (!edge.is_data)
      add("style=dashed");
    if (!word.empty())
      add("label=\"" + word + "\"");
    edges_ += "  " + from.node + " -> " + to.node + (more.empty() ? "" : " [" + more + "]") + ";\n";
  }

  bool mermaid_;
  std::size_t count_ = 0;
  std::string text_;
  std::string edges_;
};

} // namespace

std::string dot_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += is_control(c) ? '?' : c;
  }
  return out;
}

std::string mermaid_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '"': out += "#quot;"; break;
      case '<': out += "#lt;"; break;
      case '>': out += "#gt;"; break;
      case '&': out += "#amp;"; break;
      case '#': out += "#35;"; break;
      case ';': out += "#59;"; break;
      case '`': out += "#96;"; break;
      case '\\': out += "#92;"; break;
      default: out += is_control(c) ? '?' : c;
    }
  }
  return out;
}

std::string to_dot(std::string_view name, const outline_scope& x) {
  writer out(false);
  out.write(x, 1);
  return "digraph \"" + dot_text(name) + "\" {\n  compound=true;\n  node [shape=box];\n" + out.take() + "}\n";
}

std::string to_mermaid(const outline_scope& x) {
  writer out(true);
  out.write(x, 1);
  return "flowchart TD\n" + out.take();
}

} // namespace muster::picture
