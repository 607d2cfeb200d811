#include "spec/yaml_tree.hpp"

#include "muster/base/utf8.hpp"

#include <yaml.h>

#include <algorithm>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

namespace muster::spec::yaml {

namespace {

mark to_mark(const yaml_mark_t& x) {
  return {static_cast<std::uint32_t>(x.line), static_cast<std::uint32_t>(x.column)};
}

std::string text_of(const yaml_char_t* x) {
  return x == nullptr ? std::string{} : std::string{reinterpret_cast<const char*>(x)};
}

/// Owns libyaml's parser.
class event_source {
public:
  explicit event_source(std::string_view text) : text_(text) {
    ok_ = yaml_parser_initialize(&parser_) != 0;
    if (!ok_)
      return;
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  event_source(const event_source&) = delete;
  event_source& operator=(const event_source&) = delete;
  ~event_source() {
    if (ok_)
      yaml_parser_delete(&parser_);
  }

  [[nodiscard]] bool next(yaml_event_t& out) { return ok_ && yaml_parser_parse(&parser_, &out) != 0; }

  /// What libyaml has to say, as a phrase.
  [[nodiscard]] problem failure() const {
    problem out;
    if (!ok_ || parser_.problem == nullptr) {
      out.message = "the YAML parser ran out of memory";
      return out;
    }
    out.message = parser_.problem;
    if (parser_.error == YAML_READER_ERROR) {
      if (parser_.problem_value >= 0)
        out.message += " (character " + std::to_string(parser_.problem_value) + ")";
      // The reader runs ahead of the scanner, whose mark is of what was understood last.
      out.place = place_of(parser_.problem_offset);
      return out;
    }
    if (parser_.context != nullptr)
      out.message += std::string{" "} + parser_.context;
    out.place = to_mark(parser_.problem_mark);
    if (parser_.error == YAML_SCANNER_ERROR && is_tab(out.place))
      out.message = "a tab stands where YAML takes spaces only, indent with spaces";
    return out;
  }

private:
  [[nodiscard]] bool is_tab(mark at) const {
    std::size_t begin = 0;
    for (std::uint32_t line = 0; line < at.line && begin != std::string_view::npos; ++line)
      if ((begin = text_.find('\n', begin)) != std::string_view::npos)
        ++begin;
    return begin < text_.size() && at.column < text_.size() - begin && text_[begin + at.column] == '\t';
  }

  [[nodiscard]] mark place_of(std::size_t offset) const {
    const auto before = text_.substr(0, offset);
    const auto newline = before.rfind('\n');
    const auto line = before.substr(newline == std::string_view::npos ? 0 : newline + 1);
    return {static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n')),
            static_cast<std::uint32_t>(code_points(line))};
  }

  std::string_view text_;
  yaml_parser_t parser_{};
  bool ok_ = false;
};

/// Frees an event at the end of its scope.
class event_guard {
public:
  explicit event_guard(yaml_event_t& x) : event_(x) {}
  event_guard(const event_guard&) = delete;
  event_guard& operator=(const event_guard&) = delete;
  ~event_guard() { yaml_event_delete(&event_); }

private:
  yaml_event_t& event_;
};

/// Finds a tab that stands between tokens or in a plain scalar. Scalars come in ascending order.
class tab_check {
public:
  void add(std::size_t first, std::size_t last, bool plain) { scalars_.push_back({first, last, plain}); }

  [[nodiscard]] bool find(std::string_view text, mark& place) const {
    std::size_t index = 0;
    std::size_t next = 0;
    mark here;
    bool comment = false;
    for (const char c : text) {
      if ((static_cast<unsigned char>(c) & 0xc0U) == 0x80U)
        continue;
      while (next < scalars_.size() && index >= scalars_[next].last)
        ++next;
      const bool inside = next < scalars_.size() && index >= scalars_[next].first;
      if (c == '\n')
        comment = false;
      else if (c == '#' && !inside)
        comment = true;
      else if (c == '\t' && !comment && (!inside || scalars_[next].plain)) {
        place = here;
        return true;
      }
      ++index;
      here = c == '\n' ? mark{here.line + 1, 0} : mark{here.line, here.column + 1};
    }
    return false;
  }

private:
  struct range {
    std::size_t first;
    std::size_t last;
    bool plain;
  };
  std::vector<range> scalars_;
};

} // namespace

/// Turns libyaml's events into a tree. Not recursive.
class tree_builder {
public:
  tree_builder(std::string_view text, tree& out, problem& why, bool strict, const limits& bounds)
      : source_(text), text_(text), out_(out), why_(why), strict_(strict), bounds_(bounds),
        tabs_(strict && text.find('\t') != std::string_view::npos) {}

  [[nodiscard]] bool run() {
    for (;;) {
      yaml_event_t event;
      if (!source_.next(event)) {
        why_ = source_.failure();
        return false;
      }
      const event_guard guard{event};
      if (event.type == YAML_STREAM_END_EVENT)
        break;
      if (!take(event))
        return false;
    }
    mark place;
    if (tabs_ && tab_check_.find(text_, place))
      return fail("a tab stands where only spaces may separate, use spaces", place);
    return true;
  }

private:
  struct open_collection {
    node_id id;
    std::uint32_t last_link;
    std::uint64_t expanded; ///< Nodes below when every alias is written out.
    bool flow;
  };
  struct anchored {
    node_id id;
    std::uint64_t expanded;
    bool done;
  };

  bool fail(std::string message, mark place, bool limit = false) {
    why_ = {std::move(message), place, limit};
    return false;
  }

  bool take(const yaml_event_t& event) {
    const auto start = to_mark(event.start_mark);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (documents_++ > 0)
          return fail("a second document starts here, but a spec is one document", start);
        return true;
      case YAML_SCALAR_EVENT: return scalar(event, start);
      case YAML_ALIAS_EVENT: return alias(text_of(event.data.alias.anchor), start);
      case YAML_SEQUENCE_START_EVENT:
        return open(kind::sequence, event.data.sequence_start.tag, event.data.sequence_start.anchor, start,
                    event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE);
      case YAML_MAPPING_START_EVENT:
        return open(kind::mapping, event.data.mapping_start.tag, event.data.mapping_start.anchor, start,
                    event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: return close();
      default: return true;
    }
  }

  bool scalar(const yaml_event_t& event, mark start) {
    const auto& data = event.data.scalar;
    const std::string_view text{reinterpret_cast<const char*>(data.value), data.length};
    const bool is_plain = data.style == YAML_PLAIN_SCALAR_STYLE;
    if (tabs_)
      tab_check_.add(event.start_mark.index, event.end_mark.index, is_plain);
    if (strict_ && is_plain && !stack_.empty() && stack_.back().flow && text.find('?') != std::string_view::npos)
      return fail("a `?` in a plain scalar of a flow collection, put the scalar in quotes", start);
    node x;
    x.kind = kind::scalar;
    x.start = start;
    x.plain = data.plain_implicit != 0;
    if (out_.store_.size() + text.size() > std::numeric_limits<std::uint32_t>::max())
      return fail("the document holds more than 4 GiB of text", start, true);
    x.text = static_cast<std::uint32_t>(out_.store_.size());
    x.size = static_cast<std::uint32_t>(text.size());
    out_.store_.append(text);
    node_id id = no_node;
    return add(x, data.tag, id) && set_anchor(data.anchor, id, 1, true, start) && attach(id, 1, start);
  }

  bool open(kind what, const yaml_char_t* tag, const yaml_char_t* anchor, mark start, bool flow) {
    if (stack_.size() >= bounds_.depth)
      return fail("collections are nested more than " + std::to_string(bounds_.depth) + " deep", start, true);
    node x;
    x.kind = what;
    x.start = start;
    node_id id = no_node;
    if (!add(x, tag, id) || !set_anchor(anchor, id, 0, false, start))
      return false;
    stack_.push_back({id, no_node, 1, flow});
    return true;
  }

  bool close() {
    const auto done = stack_.back();
    stack_.pop_back();
    const auto found = open_anchors_.find(done.id);
    if (found != open_anchors_.end()) {
      anchors_[found->second].expanded = done.expanded;
      anchors_[found->second].done = true;
      open_anchors_.erase(found);
    }
    return attach(done.id, done.expanded, out_.nodes_[done.id].start);
  }

  bool alias(const std::string& name, mark start) {
    const auto found = anchor_names_.find(name);
    if (found == anchor_names_.end())
      return fail("alias `*" + name + "` has no anchor before it", start);
    const auto& anchor = anchors_[found->second];
    if (!anchor.done)
      return fail("alias `*" + name + "` stands inside the node that it refers to", start);
    expansion_ += anchor.expanded;
    if (expansion_ > bounds_.expansion)
      return fail("the document's aliases stand for more than " + std::to_string(bounds_.expansion) + " nodes", start,
                  true);
    return attach(anchor.id, anchor.expanded, start);
  }

  bool add(node x, const yaml_char_t* tag, node_id& id) {
    if (out_.nodes_.size() >= bounds_.nodes)
      return fail("the document has more than " + std::to_string(bounds_.nodes) + " nodes", x.start, true);
    if (tag != nullptr && text_of(tag) != "!") {
      const auto name = text_of(tag);
      auto found = std::find(out_.tags_.begin(), out_.tags_.end(), name);
      if (found == out_.tags_.end()) {
        if (out_.tags_.size() > 1000)
          return fail("the document uses more than 1000 different tags", x.start, true);
        found = out_.tags_.insert(out_.tags_.end(), name);
      }
      x.tag = static_cast<std::uint16_t>(found - out_.tags_.begin());
    }
    id = static_cast<node_id>(out_.nodes_.size());
    out_.nodes_.push_back(x);
    return true;
  }

  bool set_anchor(const yaml_char_t* anchor, node_id id, std::uint64_t expanded, bool done, mark start) {
    if (anchor == nullptr)
      return true;
    const auto name = text_of(anchor);
    if (!anchor_names_.emplace(name, anchors_.size()).second)
      return fail("anchor `&" + name + "` is there twice", start);
    if (!done)
      open_anchors_.emplace(id, anchors_.size());
    anchors_.push_back({id, expanded, done});
    return true;
  }

  /// Makes `id` the next child of the innermost open collection, or the root.
  bool attach(node_id id, std::uint64_t expanded, mark start) {
    if (stack_.empty()) {
      out_.root_ = id;
      return true;
    }
    auto& parent = stack_.back();
    const auto at = static_cast<std::uint32_t>(out_.links_.size());
    out_.links_.push_back({id, no_node, start});
    if (parent.last_link == no_node)
      out_.nodes_[parent.id].first_link = at;
    else
      out_.links_[parent.last_link].next = at;
    parent.last_link = at;
    // Saturates: each alias adds at most what `expansion` allows, so no overflow.
    parent.expanded += expanded;
    ++out_.nodes_[parent.id].size;
    return true;
  }

  event_source source_;
  std::string_view text_;
  tree& out_;
  problem& why_;
  bool strict_;
  const limits& bounds_;
  bool tabs_;
  tab_check tab_check_;
  std::vector<open_collection> stack_;
  std::unordered_map<std::string, std::size_t> anchor_names_;
  std::vector<anchored> anchors_;
  std::unordered_map<node_id, std::size_t> open_anchors_;
  std::uint64_t expansion_ = 0;
  int documents_ = 0;
};

bool parse(std::string_view text, tree& out, problem& why, bool strict, const limits& bounds) {
  return tree_builder{text, out, why, strict, bounds}.run();
}

} // namespace muster::spec::yaml
