#include "muster/api/value.hpp"

#include "convert.hpp"

#include "muster/spec/expression.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace muster::api {

namespace {

const value& no_value() {
  static const value none;
  return none;
}

class json_writer {
public:
  explicit json_writer(int indent) : indent_(indent) {}

  void write(const value& x, int depth) {
    if (x.is_list())
      write_all(x.items(), '[', ']', depth, [&](const value& item) { write(item, depth + 1); });
    else if (x.is_dict())
      write_all(x.entries(), '{', '}', depth, [&](const auto& entry) {
        text_ += quoted(entry.first) + (indent_ < 0 ? ":" : ": ");
        write(entry.second, depth + 1);
      });
    else
      write_scalar(x);
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

private:
  template <class Parts, class Write>
  void write_all(const Parts& parts, char open, char close, int depth, Write write_part) {
    text_ += open;
    bool first = true;
    for (const auto& part : parts) {
      if (!first)
        text_ += ',';
      first = false;
      new_line(depth + 1);
      write_part(part);
    }
    if (!first)
      new_line(depth);
    text_ += close;
  }

  void write_scalar(const value& x) {
    if (x.is_bool())
      text_ += x.as_bool() ? "true" : "false";
    else if (x.is_integer())
      text_ += std::to_string(x.as_integer());
    else if (x.is_number())
      text_ += std::isfinite(x.as_number()) ? number_text(x.as_number()) : "null";
    else if (x.is_text())
      text_ += quoted(x.as_text());
    else
      text_ += "null";
  }

  void new_line(int depth) {
    if (indent_ >= 0)
      text_.append("\n").append(static_cast<std::size_t>(depth) * static_cast<std::size_t>(indent_), ' ');
  }

  int indent_;
  std::string text_;
};

bool equal_dicts(const dict& a, const value& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           return b.has(entry.first) && b[entry.first] == entry.second;
         });
}

} // namespace

bool value::as_bool(bool otherwise) const noexcept {
  const auto* x = std::get_if<bool>(&data_);
  return x == nullptr ? otherwise : *x;
}

std::int64_t value::as_integer(std::int64_t otherwise) const noexcept {
  const auto* x = std::get_if<std::int64_t>(&data_);
  return x == nullptr ? otherwise : *x;
}

double value::as_number(double otherwise) const noexcept {
  if (const auto* x = std::get_if<std::int64_t>(&data_))
    return static_cast<double>(*x);
  const auto* x = std::get_if<double>(&data_);
  return x == nullptr ? otherwise : *x;
}

const std::string& value::as_text() const& noexcept {
  static const std::string none;
  const auto* x = std::get_if<std::string>(&data_);
  return x == nullptr ? none : *x;
}

const list& value::items() const& noexcept {
  static const list none;
  const auto* x = std::get_if<list>(&data_);
  return x == nullptr ? none : *x;
}

const dict& value::entries() const& noexcept {
  static const dict none;
  const auto* x = std::get_if<dict>(&data_);
  return x == nullptr ? none : *x;
}

std::size_t value::size() const noexcept {
  return is_list() ? items().size() : entries().size();
}

const value& value::operator[](std::string_view name) const& noexcept {
  const auto& all = entries();
  const auto found = std::find_if(all.rbegin(), all.rend(), [&](const auto& entry) { return entry.first == name; });
  return found == all.rend() ? no_value() : found->second;
}

const value& value::operator[](std::size_t at) const& noexcept {
  return at < items().size() ? items()[at] : no_value();
}

bool value::has(std::string_view name) const noexcept {
  const auto& all = entries();
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) { return entry.first == name; });
}

std::string value::to_json(int indent) const {
  json_writer to(indent);
  to.write(*this, 0);
  return to.take();
}

result<value> value::from_json(std::string_view text) {
  const auto read = spec::value_from_json(text);
  if (!read)
    return to_api(read.failure());
  return to_api(*read);
}

bool operator==(const value& a, const value& b) noexcept {
  if (a.is_integer() && b.is_integer())
    return a.as_integer() == b.as_integer();
  if (a.is_number() && b.is_number())
    return a.as_number() == b.as_number();
  if (a.is_dict() && b.is_dict())
    return equal_dicts(a.entries(), b);
  return a.data_ == b.data_;
}

value to_api(const spec::template_value& x) {
  using type = spec::template_value::type;
  switch (x.kind()) {
    case type::boolean: return x.as_bool();
    case type::integer: return x.as_integer();
    case type::real: return x.as_real();
    case type::string: return x.as_string();
    case type::list:
    case type::tuple: {
      list items;
      items.reserve(x.items().size());
      for (const auto& item : x.items())
        items.push_back(to_api(item));
      return items;
    }
    case type::dict: {
      dict entries;
      entries.reserve(x.dict().size());
      for (const auto& [key, entry] : x.dict().entries())
        entries.emplace_back(key.str(), to_api(entry));
      return entries;
    }
    default: return {};
  }
}

std::string number_text(double x) {
  // JSON's `1e-05` is a text in YAML 1.1, which wants the point.
  auto text = nlohmann::json(x).dump();
  const auto exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos)
    text.insert(exponent, ".0");
  return text;
}

std::string quoted(const std::string& text) {
  const auto json = nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string out;
  out.reserve(json.size());
  const auto at = [&](std::size_t i) { return i < json.size() ? static_cast<unsigned char>(json[i]) : 0U; };
  // What YAML does not take as it is: DEL, U+0080 to U+009F, U+FEFF.
  const auto escape = [&](unsigned code) {
    static constexpr char digits[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4)
      out += digits[(code >> static_cast<unsigned>(shift)) & 15U];
  };
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (at(i) == 0x7f) {
      escape(0x7f);
    } else if (at(i) == 0xc2 && at(i + 1) >= 0x80 && at(i + 1) < 0xa0) {
      escape(at(++i));
    } else if (at(i) == 0xef && at(i + 1) == 0xbb && at(i + 2) == 0xbf) {
      escape(0xfeff);
      i += 2;
    } else {
      out += json[i];
    }
  }
  return out;
}

} // namespace muster::api
