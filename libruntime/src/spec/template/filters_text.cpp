#include "spec/template/methods.hpp"
#include "spec/template/parameters.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

#include <algorithm>

namespace muster::spec::tmpl {
namespace {

value like(runtime& rt, const value& source, std::string s) {
  return rt.str(std::move(s), source.is_string() && source.string().markup);
}

template <std::string (*Function)(std::string_view)>
value mapped(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "filter", args, {});
  const value s = soft_str(rt, in);
  rt.take(s.as_string().size());
  return like(rt, s, Function(s.as_string()));
}

std::string title(std::string_view s) {
  const auto breaks = [](char32_t c) {
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || text::is_space(c);
  };
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < s.size();) {
    const auto c = text::decode(s, i);
    const auto piece = s.substr(i, c.size);
    out += inside ? text::lower(piece) : text::upper(piece);
    inside = !breaks(c.code);
    i += c.size;
  }
  return out;
}

value to_title(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "title", args, {});
  return rt.str(title(soft_str(rt, in).as_string()));
}

value trim(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "trim", args, {"chars"});
  const value s = soft_str(rt, in);
  arguments inner;
  if (p.set(0))
    inner.positional.push_back(p[0]);
  return find_string_method("strip")(rt, s, inner);
}

value center(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "center", args, {"width"});
  const value s = soft_str(rt, in);
  return like(rt, s, pad(rt, s.as_string(), p.integer(0, 80), " ", alignment::center));
}

value replace(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "replace", args, {"old", "new", "count"}, 2);
  const std::int64_t count = p.set(2) ? p.integer(2, -1) : -1;
  return rt.str(replace_text(rt, to_str(rt, in), to_str(rt, p[0]), to_str(rt, p[1]), count));
}

value string(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "string", args, {});
  return soft_str(rt, in);
}

value join(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "join", args, {"d", "attribute"});
  const std::string separator = p.has(0) ? to_str(rt, p[0]) : std::string();
  const item_key key(rt, p[1], false);
  std::string out;
  bool first = true;
  for (const auto& item : iterate(rt, in)) {
    const std::string piece = to_str(rt, key(rt, item));
    rt.take(piece.size() + separator.size());
    if (!first)
      out += separator;
    first = false;
    out += piece;
  }
  return rt.str(std::move(out));
}

value require_text(const value& in) {
  require_defined(in);
  if (!in.is_string())
    throw failure{"the filter needs a text, not " + type_name(in)};
  return in;
}

value indent(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "indent", args, {"width", "first", "blank"});
  const value s = require_text(in);
  std::string step = "    ";
  if (p.has(0) && p[0].is_string())
    step = p[0].as_string();
  else if (p.has(0))
    step = std::string(bounded(rt, p.integer(0, 4)), ' ');
  const bool blank = p.flag(2, false);
  const std::string whole = s.as_string() + "\n";
  std::string out;
  bool first_line = true;
  for (const auto line : text::split_lines(whole)) {
    rt.take(line.size() + step.size() + 1);
    if (!first_line) {
      out += '\n';
      if (blank || !line.empty())
        out += step;
    }
    first_line = false;
    out += line;
  }
  return like(rt, s, p.flag(1, false) ? step + out : out);
}

value truncate(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "truncate", args, {"length", "killwords", "end", "leeway"});
  const std::int64_t length = p.integer(0, 255);
  const std::string end = p.text(2, "...");
  const std::int64_t leeway = p.set(3) ? p.integer(3, 5) : 5;
  const auto end_length = static_cast<std::int64_t>(text::length(end));
  if (length < end_length)
    throw failure{"expected length >= " + std::to_string(end_length) + ", got " + std::to_string(length)};
  if (leeway < 0)
    throw failure{"expected leeway >= 0, got " + std::to_string(leeway)};
  const value s = require_text(in);
  const auto have = static_cast<std::int64_t>(s.string().length);
  if (have <= length || have - length <= leeway)
    return in;
  std::string out =
      s.as_string().substr(0, text::offset_of(s.as_string(), static_cast<std::size_t>(length - end_length)));
  if (!p.flag(1, false)) {
    const std::size_t space = out.rfind(' ');
    if (space != std::string::npos)
      out.resize(space);
  }
  return like(rt, s, out + end);
}

value wordcount(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "wordcount", args, {});
  const value s = soft_str(rt, in);
  rt.step(s.as_string().size() / 16);
  std::int64_t words = 0;
  bool inside = false;
  for (std::size_t i = 0; i < s.as_string().size();) {
    const auto c = text::decode(s.as_string(), i);
    const bool word = text::is_word(c.code);
    words += word && !inside ? 1 : 0;
    inside = word;
    i += c.size;
  }
  return words;
}

value format(runtime& rt, const value& in, arguments& args) {
  if (!args.positional.empty() && !args.keyword.empty())
    throw failure{"can't handle positional and keyword arguments at the same time"};
  const value s = soft_str(rt, in);
  if (args.keyword.empty())
    return percent_format(rt, s, rt.tuple(args.positional));
  template_dict named;
  for (const auto& [name, x] : args.keyword)
    set_entry(rt, named, rt.str(name), x);
  return percent_format(rt, s, rt.dict(std::move(named)));
}

value pprint(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "pprint", args, {});
  std::string s = to_repr(rt, in);
  if (text::length(s) > 80)
    throw failure{"pprint is supported for values that fit into one line of 80 characters only"};
  return rt.str(std::move(s));
}

value refuse(runtime& /*rt*/, const value& /*in*/, arguments& /*args*/) {
  throw failure{"this filter is not supported in templates"};
}

value refuse_random(runtime& /*rt*/, const value& /*in*/, arguments& /*args*/) {
  throw failure{"the filter 'random' is not supported: a template must render the same each time"};
}

} // namespace

const filter_table& text_filters() {
  static const filter_table filters = {
      {"capitalize", mapped<text::capitalize>},
      {"center", center},
      {"format", format},
      {"indent", indent},
      {"join", join},
      {"lower", mapped<text::lower>},
      {"pprint", pprint},
      {"random", refuse_random},
      {"replace", replace},
      {"string", string},
      {"title", to_title},
      {"trim", trim},
      {"truncate", truncate},
      {"upper", mapped<text::upper>},
      {"urlize", refuse},
      {"wordcount", wordcount},
      {"wordwrap", refuse},
  };
  return filters;
}

} // namespace muster::spec::tmpl
