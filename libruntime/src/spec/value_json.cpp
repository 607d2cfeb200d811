#include "muster/spec/expression.hpp"

#include "muster/base/utf8.hpp"
#include "spec/template/numbers.hpp"
#include "spec/template/operations.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <cmath>
#include <limits>

namespace muster::spec {

namespace {

using json = nlohmann::ordered_json;
using type = template_value::type;

constexpr std::size_t deepest = 200;

/// Takes what the parser reads, and puts it together without a document in between.
class value_builder final : public nlohmann::json_sax<json> {
public:
  [[nodiscard]] template_value take() { return std::move(root_); }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

  bool null() override { return add({}); }
  bool boolean(bool x) override { return add(x); }
  bool number_integer(std::int64_t x) override { return add(x); }
  bool number_unsigned(std::uint64_t x) override {
    if (x > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return fail("the integer " + std::to_string(x) + " does not fit into 64 bits");
    return add(static_cast<std::int64_t>(x));
  }
  bool number_float(double x, const std::string& text) override {
    if (text.find_first_of(".eE") == std::string::npos)
      return fail("the integer " + text.substr(0, 40) + " does not fit into 64 bits");
    return add(x);
  }
  bool string(std::string& x) override { return add(std::move(x)); }
  bool binary(json::binary_t& /*x*/) override { return fail("bytes are no JSON"); }
  bool start_object(std::size_t /*size*/) override { return open(template_value::make_dict()); }
  bool key(std::string& x) override {
    keys_.back() = std::move(x);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(template_value::make_list()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t at, const std::string& /*token*/, const json::exception& why) override {
    // `[json.exception.parse_error.101] parse error at line 1, column 2: ...`
    std::string text = why.what();
    const auto end = text.find("] ");
    return fail(end == std::string::npos ? "not JSON at byte " + std::to_string(at) : text.substr(end + 2));
  }

private:
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }

  bool add(template_value x) {
    if (open_.empty())
      root_ = std::move(x);
    else if (open_.back().is(type::list))
      open_.back().items().push_back(std::move(x));
    else
      open_.back().dict().set(keys_.back(), std::move(x));
    return true;
  }

  bool open(template_value x) {
    if (open_.size() >= deepest)
      return fail("it is nested deeper than " + std::to_string(deepest) + " levels");
    // A container is shared between copies: what is put into it later is seen where it was added.
    add(x);
    open_.push_back(std::move(x));
    keys_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  template_value root_;
  std::vector<template_value> open_;
  std::vector<std::string> keys_; ///< The last key of each of `open_`.
  std::string problem_;
};

/// Writes JSON. Stops at the first thing that JSON cannot say.
class json_text {
public:
  [[nodiscard]] result<std::string> run(const template_value& x) {
    if (!write(x, 0))
      return {ec::invalid_argument, problem_};
    return std::move(out_);
  }

private:
  bool fail(std::string why) {
    problem_ = std::move(why);
    return false;
  }

  bool write(const template_value& x, std::size_t depth) {
    if (depth > deepest)
      return fail("the value is nested deeper than " + std::to_string(deepest) + " levels");
    switch (x.kind()) {
      case type::none: out_ += "null"; return true;
      case type::boolean: out_ += x.as_bool() ? "true" : "false"; return true;
      case type::integer: out_ += std::to_string(x.as_integer()); return true;
      case type::real:
        if (!std::isfinite(x.as_real()))
          return fail("JSON has no " + x.str());
        out_ += tmpl::numbers::repr(x.as_real());
        return true;
      case type::string: return write_string(x.as_string());
      case type::list:
      case type::tuple: return write_list(x, depth);
      case type::dict: return write_dict(x, depth);
      case type::undefined: return fail(x.undefined_message());
      default: return fail("JSON has no " + tmpl::type_name(x));
    }
  }

  bool write_list(const template_value& x, std::size_t depth) {
    out_ += '[';
    bool first = true;
    for (const auto& item : x.items()) {
      out_ += first ? "" : ",";
      first = false;
      if (!write(item, depth + 1))
        return false;
    }
    out_ += ']';
    return true;
  }

  bool write_dict(const template_value& x, std::size_t depth) {
    out_ += '{';
    bool first = true;
    for (const auto& [key, item] : x.dict().entries()) {
      if (!key.is_string())
        return fail("a key of JSON is a string, found " + key.repr());
      out_ += first ? "" : ",";
      first = false;
      if (!write_string(key.as_string()))
        return false;
      out_ += ':';
      if (!write(item, depth + 1))
        return false;
    }
    out_ += '}';
    return true;
  }

  bool write_string(const std::string& x) {
    if (!is_utf8(x))
      return fail("a string is not UTF-8");
    constexpr std::string_view digits = "0123456789abcdef";
    out_ += '"';
    for (const char c : x) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\')
        out_.append({'\\', c});
      else if (c == '\n')
        out_ += "\\n";
      else if (c == '\t')
        out_ += "\\t";
      else if (c == '\r')
        out_ += "\\r";
      else if (byte < 0x20)
        out_.append("\\u00").append({digits[byte >> 4U], digits[byte & 0xfU]});
      else
        out_ += c;
    }
    out_ += '"';
    return true;
  }

  std::string out_;
  std::string problem_;
};

} // namespace

result<template_value> value_from_json(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return {ec::invalid_argument,
            "the JSON has " + std::to_string(text.size()) + " bytes, expected at most " + std::to_string(max_bytes)};
  value_builder builder;
  try {
    if (!json::sax_parse(text, &builder))
      return {ec::invalid_argument, "no JSON: " + builder.problem()};
  } catch (const std::exception& problem) {
    return {ec::invalid_argument, std::string{"no JSON: "} + problem.what()};
  }
  return builder.take();
}

result<std::string> value_to_json(const template_value& x) {
  return json_text{}.run(x);
}

result<std::string> value_to_text(const template_value& x) {
  if (x.is_string())
    return x.as_string();
  return value_to_json(x);
}

const template_value* value_at_path(const template_value& x, std::string_view path) {
  const template_value* at = &x;
  while (!path.empty() && at != nullptr) {
    const auto dot = path.find('.');
    const auto key = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    if (at->is(type::dict)) {
      at = at->dict().find(template_value{key});
    } else if (at->is_sequence()) {
      std::size_t i = 0;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), i);
      const bool good = read.ec == std::errc{} && read.ptr == key.data() + key.size() && i < at->items().size();
      at = good ? &at->items()[i] : nullptr;
    } else {
      at = nullptr;
    }
  }
  return at;
}

} // namespace muster::spec
