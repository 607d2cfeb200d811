#include "spec/template/parameters.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

#include <cstdio>

namespace muster::spec::tmpl {
namespace {

value escape(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "escape", args, {"s"});
  if (in.is_string() && in.string().markup)
    return in;
  return rt.str(text::escape_html(to_str(rt, in)), true);
}

value force_escape(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "forceescape", args, {});
  return rt.str(text::escape_html(to_str(rt, in)), true);
}

value safe(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "safe", args, {});
  return rt.str(to_str(rt, in), true);
}

value striptags(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "striptags", args, {});
  const std::string s = to_str(rt, in);
  std::string bare;
  for (std::size_t i = 0; i < s.size();) {
    const bool comment = s.compare(i, 4, "<!--") == 0;
    const std::size_t end = s[i] != '<' ? std::string::npos : comment ? s.find("-->", i + 4) : s.find('>', i);
    if (s[i] == '<' && end == std::string::npos) {
      bare += s.substr(i);
      break;
    }
    if (s[i] == '<')
      i = end + (comment ? 3 : 1);
    else
      bare += s[i++];
  }
  std::string out;
  for (std::string_view rest = text::strip(bare, true, false); !rest.empty(); rest = text::strip(rest, true, false)) {
    std::size_t end = 0;
    while (end < rest.size() && !text::is_space(text::decode(rest, end).code))
      end += text::decode(rest, end).size;
    out += (out.empty() ? "" : " ") + std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  static constexpr std::pair<std::string_view, std::string_view> entities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&#39;", "'"}, {"&#34;", "\""}, {"&quot;", "\""}, {"&amp;", "&"}};
  std::string plain;
  for (std::size_t i = 0; i < out.size();) {
    bool replaced = false;
    for (const auto& [entity, meaning] : entities) {
      if (!replaced && out.compare(i, entity.size(), entity) == 0) {
        plain += meaning;
        i += entity.size();
        replaced = true;
      }
    }
    if (!replaced)
      plain += out[i++];
  }
  return rt.str(std::move(plain));
}

std::string quote_url(std::string_view s, bool in_query) {
  std::string out;
  char buffer[8];
  for (const char c : s) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                       c == '.' || c == '-' || c == '~' || (c == '/' && !in_query);
    if (plain) {
      out += c;
    } else if (c == ' ' && in_query) {
      out += '+';
    } else {
      std::snprintf(buffer, sizeof buffer, "%%%02X", static_cast<unsigned char>(c));
      out += buffer;
    }
  }
  return out;
}

value urlencode(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "urlencode", args, {});
  require_defined(in);
  if (in.is_string() || !iterable(in))
    return rt.str(quote_url(to_str(rt, in), false));
  std::string out;
  const auto add = [&](const value& key, const value& x) {
    const std::string pair = quote_url(to_str(rt, key), true) + "=" + quote_url(to_str(rt, x), true);
    rt.take(pair.size());
    out += (out.empty() ? "" : "&") + pair;
  };
  if (in.is(type::dict)) {
    for (const auto& [key, x] : in.dict().entries())
      add(key, x);
    return rt.str(std::move(out));
  }
  for (const auto& pair : iterate(rt, in)) {
    const list_type two = iterate(rt, pair);
    if (two.size() != 2)
      throw failure{"urlencode needs pairs of a key and a value"};
    add(two[0], two[1]);
  }
  return rt.str(std::move(out));
}

value xmlattr(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "xmlattr", args, {"autospace"});
  require_defined(in);
  if (!in.is(type::dict))
    throw failure{text::quote(object_name(in)) + " has no attribute 'items'"};
  std::string out;
  for (const auto& [key, x] : in.dict().entries()) {
    if (x.is_none() || x.is_undefined())
      continue;
    const std::string name = to_str(rt, key);
    if (name.find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      throw failure{"Invalid character in attribute name: " + text::quote(name)};
    const std::string content = to_str(rt, x);
    const bool safe_content = x.is_string() && x.string().markup;
    rt.take(name.size() + content.size());
    out += (out.empty() ? "" : " ") + text::escape_html(name) + "=\"" +
           (safe_content ? content : text::escape_html(content)) + "\"";
  }
  return rt.str(p.flag(0, true) && !out.empty() ? " " + out : out);
}

value tojson(runtime& rt, const value& in, arguments& args) {
  const parameters p(rt, "tojson", args, {"indent"});
  return rt.str(to_json(rt, in, p.set(0) ? std::max<std::int64_t>(0, p.integer(0, 0)) : -1), true);
}

} // namespace

const filter_table& markup_filters() {
  static const filter_table filters = {
      {"e", escape},
      {"escape", escape},
      {"forceescape", force_escape},
      {"safe", safe},
      {"striptags", striptags},
      {"tojson", tojson},
      {"urlencode", urlencode},
      {"xmlattr", xmlattr},
  };
  return filters;
}

} // namespace muster::spec::tmpl
