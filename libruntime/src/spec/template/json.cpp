#include "spec/template/methods.hpp"
#include "spec/template/numbers.hpp"
#include "spec/template/registry.hpp"
#include "spec/template/text.hpp"

#include <cmath>
#include <cstdio>

namespace muster::spec::tmpl {
namespace {

class json_writer {
public:
  json_writer(runtime& rt, std::int64_t indent) : rt_(rt), indent_(indent) {}

  std::string run(const value& x) {
    write(x);
    return std::move(out_);
  }

private:
  void put(std::string_view piece) {
    rt_.take(piece.size());
    out_ += piece;
  }

  void line() {
    if (indent_ < 0)
      return;
    put("\n");
    put(std::string(bounded(rt_, indent_) * depth_, ' '));
  }

  void write(const value& x) {
    const runtime::level nested(rt_);
    rt_.step();
    require_defined_as_json(x);
    switch (x.kind()) {
      case type::none: put("null"); return;
      case type::boolean: put(x.as_bool() ? "true" : "false"); return;
      case type::integer: put(std::to_string(x.as_integer())); return;
      case type::real: put(real(x.as_real())); return;
      case type::string: write_string(x.as_string()); return;
      case type::list:
      case type::tuple: write_list(x.items()); return;
      case type::dict: write_dict(x.dict()); return;
      default: throw failure{"Object of type " + type_name(x) + " is not JSON serializable"};
    }
  }

  static void require_defined_as_json(const value& x) {
    if (x.is_undefined())
      throw failure{"Object of type StrictUndefined is not JSON serializable: " + x.undefined_message()};
  }

  static std::string real(double x) {
    if (std::isnan(x))
      return "NaN";
    if (std::isinf(x))
      return x < 0 ? "-Infinity" : "Infinity";
    return numbers::repr(x);
  }

  void write_list(const list_type& items) {
    if (items.empty()) {
      put("[]");
      return;
    }
    put("[");
    ++depth_;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0)
        put(indent_ < 0 ? ", " : ",");
      line();
      write(items[i]);
    }
    --depth_;
    line();
    put("]");
  }

  void write_dict(const template_dict& dict) {
    if (dict.size() == 0) {
      put("{}");
      return;
    }
    put("{");
    ++depth_;
    list_type keys;
    for (const auto& entry : dict.entries())
      keys.push_back(entry.first);
    bool first = true;
    for (const auto& key : sorted(rt_, keys, {}, false)) {
      if (!first)
        put(indent_ < 0 ? ", " : ",");
      first = false;
      line();
      write_key(key);
      put(": ");
      write(*dict.find(key));
    }
    --depth_;
    line();
    put("}");
  }

  void write_key(const value& key) {
    switch (key.kind()) {
      case type::string: write_string(key.as_string()); return;
      case type::none:
      case type::boolean:
      case type::integer:
      case type::real:
        put("\"");
        write(key);
        put("\"");
        return;
      default: throw failure{"keys must be str, int, float, bool or None, not " + type_name(key)};
    }
  }

  // Only ASCII, and nothing that means something in HTML.
  void write_string(std::string_view s) {
    put("\"");
    for (std::size_t i = 0; i < s.size();) {
      const auto c = text::decode(s, i);
      i += c.size;
      switch (c.code) {
        case '"': put("\\\""); continue;
        case '\\': put("\\\\"); continue;
        case '\n': put("\\n"); continue;
        case '\r': put("\\r"); continue;
        case '\t': put("\\t"); continue;
        case '\f': put("\\f"); continue;
        case '\b': put("\\b"); continue;
        default: break;
      }
      const bool plain =
          c.code >= 0x20 && c.code < 0x7F && c.code != '<' && c.code != '>' && c.code != '&' && c.code != '\'';
      if (plain || c.code == 0x7F)
        put(s.substr(i - c.size, c.size));
      else
        write_escape(c.code);
    }
    put("\"");
  }

  void write_escape(char32_t code) {
    char buffer[16];
    if (code >= 0x10000) {
      code -= 0x10000;
      std::snprintf(buffer, sizeof buffer, "\\u%04x\\u%04x", static_cast<unsigned>(0xD800 + (code >> 10U)),
                    static_cast<unsigned>(0xDC00 + (code & 0x3FFU)));
    } else {
      std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(code));
    }
    put(buffer);
  }

  runtime& rt_;
  std::int64_t indent_;
  std::size_t depth_ = 0;
  std::string out_;
};

} // namespace

std::string to_json(runtime& rt, const value& x, std::int64_t indent) {
  return json_writer(rt, indent).run(x);
}

} // namespace muster::spec::tmpl
