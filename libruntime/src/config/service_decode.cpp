#include "config/decode.hpp"
#include "config/field_reader.hpp"
#include "config/setting_visitor.hpp"
#include "muster/spec/duration.hpp"

#include <cmath>

namespace muster::config {

namespace {

using spec::map_entry;
using spec::numbers;
using spec::yaml::scalar_type;

/// Reads the keys of one mapping after the other into the members that they belong to.
class setting_reader final : public setting_visitor, private field_reader {
public:
  setting_reader(const value_reader& in, std::filesystem::path base, const std::vector<map_entry>& top)
      : field_reader(in, std::move(base)), entries_(&top), path_(&root_) {}

  void section(std::string_view name, const std::function<void()>& members) override {
    with(name, [&](value_at x, const field_path& where) {
      std::vector<map_entry> entries;
      if (!in_.map(x, where, entries))
        return;
      names known;
      const auto outer = std::make_tuple(entries_, path_, known_);
      entries_ = &entries;
      path_ = &where;
      known_ = &known;
      members();
      std::tie(entries_, path_, known_) = outer;
      for (const auto& entry : entries)
        if (entry.key.type != scalar_type::text || std::find(known.begin(), known.end(), entry.key.text) == known.end())
          report_unknown_key(in_, entry, where, known);
    });
  }

  void text(std::string_view name, std::string& x, const text_check& check) override {
    with(name, [&](value_at v, const field_path& where) {
      std::string read;
      if (is_off(v) && check("off").empty())
        read = "off";
      else if (!in_.text(v, where, read, numbers::refuse))
        return;
      if (auto wrong = check(read); !wrong.empty())
        error(v.place, where, std::move(wrong));
      else
        x = std::move(read);
    });
  }

  void file(std::string_view name, std::filesystem::path& x) override {
    with(name, [&](value_at v, const field_path& where) {
      std::string read;
      if (in_.is_scalar(v) && in_.scalar(v).type == scalar_type::text && in_.scalar(v).text.empty())
        x.clear();
      else
        field_reader::file(v, where, x);
    });
  }

  void boolean(std::string_view name, bool& x) override {
    with(name, [&](value_at v, const field_path& where) { (void)in_.boolean(v, where, x); });
  }

  void integer(std::string_view name, std::int64_t& x, std::int64_t least, std::int64_t most) override {
    with(name, [&](value_at v, const field_path& where) { field_reader::number(v, where, least, most, x); });
  }

  void real(std::string_view name, double& x, double least, double most) override {
    with(name, [&](value_at v, const field_path& where) {
      double read = std::nan("");
      if (in_.is_scalar(v)) {
        const auto scalar = in_.scalar(v);
        std::int64_t whole = 0;
        if (scalar.type == scalar_type::real)
          read = scalar.real;
        else if (scalar.type == scalar_type::integer && in_.integer(v, where, whole))
          read = static_cast<double>(whole);
      }
      if (!(read >= least && read <= most))
        (void)in_.refuse(v, where, "a number from " + plain(least) + " to " + plain(most));
      else
        x = read;
    });
  }

  void bytes(std::string_view name, std::int64_t& x, std::int64_t least) override {
    with(name, [&](value_at v, const field_path& where) {
      std::string read;
      if (!in_.text(v, where, read, numbers::as_text))
        return;
      const auto value = spec::parse_bytes(read);
      if (!value)
        error(v.place, where, value.failure().message);
      else if (*value < least)
        error(v.place, where, "expected at least " + spec::bytes_text(least) + ", found '" + read + "'");
      else if (*value > spec::most_bytes)
        error(v.place, where, "expected at most " + spec::bytes_text(spec::most_bytes) + ", found '" + read + "'");
      else
        x = *value;
    });
  }

  void span(std::string_view name, duration& x, duration least) override {
    with(name, [&](value_at v, const field_path& where) {
      std::string read;
      if (!in_.text(v, where, read, numbers::as_text))
        return;
      const auto value = spec::parse_duration(read == "0" ? "0s" : read);
      if (!value)
        error(v.place, where, value.failure().message);
      else if (*value < least)
        error(v.place, where, "expected at least " + spec::to_string(least) + ", found '" + read + "'");
      else if (*value > spec::longest_time)
        error(v.place, where, "expected at most " + spec::to_string(spec::longest_time) + ", found '" + read + "'");
      else
        x = *value;
    });
  }

  void choice(std::string_view name, std::uint8_t& x, const choices& of) override {
    with(name, [&](value_at v, const field_path& where) { (void)one_choice(v, where, x, of); });
  }

  void texts(std::string_view name, std::vector<std::string>& x) override {
    with(name, [&](value_at v, const field_path& where) {
      std::vector<std::string> read;
      if (in_.text_list(v, where, read, numbers::refuse))
        x = std::move(read);
    });
  }

  void certificate(std::string_view name, std::optional<certificate_settings>& x) override {
    with(name, [&](value_at v, const field_path& where) {
      static const names known = {"cert", "key"};
      certificate_settings read;
      if (!each_field(in_, v, where, known, known, [&](std::string_view key, value_at one, const field_path& at) {
            field_reader::file(one, at, key == "cert" ? read.cert : read.key);
          }))
        return;
      x = std::move(read);
    });
  }

  void levels(std::string_view name, std::map<std::string, log::level>& x) override {
    with(name, [&](value_at v, const field_path& where) {
      std::map<std::string, log::level> read;
      static const choices words = {{"debug", 1}, {"info", 2}, {"warn", 3}, {"error", 4}, {"off", 5}};
      if (!each_field(in_, v, where, log::components(), {},
                      [&](std::string_view component, value_at one, const field_path& at) {
                        std::uint8_t level = 0;
                        if (one_choice(one, at, level, words))
                          read[std::string{component}] = static_cast<log::level>(level);
                      }))
        return;
      x = std::move(read);
    });
  }

private:
  static std::string plain(double x) {
    auto text = std::to_string(x);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.')
      text.pop_back();
    return text;
  }

  /// YAML 1.1 takes the word for a boolean.
  [[nodiscard]] bool is_off(value_at x) const {
    return in_.is_scalar(x) && in_.scalar(x).type == scalar_type::boolean && !in_.scalar(x).boolean;
  }

  bool one_choice(value_at v, const field_path& where, std::uint8_t& x, const choices& of) const {
    names words;
    for (const auto& [word, number] : of) {
      words.push_back(word);
      if (word == "off" && is_off(v)) {
        x = number;
        return true;
      }
    }
    std::string read;
    if (!field_reader::choice(v, where, read, words))
      return false;
    for (const auto& [word, number] : of)
      if (word == read)
        x = number;
    return true;
  }

  /// Calls `use` if the key is there and has a value.
  template <class Use>
  void with(std::string_view name, Use use) {
    if (known_ != nullptr)
      known_->push_back(name);
    for (const auto& entry : *entries_)
      if (entry.key.type == scalar_type::text && entry.key.text == name &&
          !(in_.is_scalar(entry.value) && in_.scalar(entry.value).type == scalar_type::null))
        use(entry.value, path_->field(name));
  }

  field_path root_;
  const std::vector<map_entry>* entries_;
  const field_path* path_;
  names* known_ = nullptr;
};

/// Collects the names of keys at the top.
class name_collector final : public setting_visitor {
public:
  void section(std::string_view name, const std::function<void()>&) override { all.push_back(name); }
  void text(std::string_view name, std::string&, const text_check&) override { all.push_back(name); }
  void file(std::string_view name, std::filesystem::path&) override { all.push_back(name); }
  void boolean(std::string_view name, bool&) override { all.push_back(name); }
  void integer(std::string_view name, std::int64_t&, std::int64_t, std::int64_t) override { all.push_back(name); }
  void real(std::string_view name, double&, double, double) override { all.push_back(name); }
  void bytes(std::string_view name, std::int64_t&, std::int64_t) override { all.push_back(name); }
  void span(std::string_view name, duration&, duration) override { all.push_back(name); }
  void choice(std::string_view name, std::uint8_t&, const choices&) override { all.push_back(name); }
  void texts(std::string_view name, std::vector<std::string>&) override { all.push_back(name); }
  void certificate(std::string_view name, std::optional<certificate_settings>&) override { all.push_back(name); }
  void levels(std::string_view name, std::map<std::string, log::level>&) override { all.push_back(name); }

  std::vector<std::string_view> all;
};

const map_entry* find_key(const std::vector<map_entry>& top, std::string_view name) {
  for (const auto& entry : top)
    if (entry.key.type == scalar_type::text && entry.key.text == name)
      return &entry;
  return nullptr;
}

/// Rules between keys.
void check(const value_reader& in, const std::vector<map_entry>& top, const service_settings& x) {
  if (const auto* agents = find_key(top, "agents"))
    if (const auto listen = parse_listen(x.agents.listen); listen && !listen->is_loopback() && x.agents.certs.empty())
      in.report().error(
          agents->value.place, "agents.listen",
          "without encryption agents join on loopback only, and " + x.agents.listen + " is not",
          "name the folder with certificates by `certs` (`muster ca` makes them), or listen at 127.0.0.1");
  if (const auto* monitors = find_key(top, "monitors"))
    if (const auto listen = parse_listen(x.monitors.listen); listen && !listen->is_loopback())
      in.report().error(monitors->value.place, "monitors.listen",
                        "monitors connect on loopback only, since nothing is encrypted there, and " +
                            x.monitors.listen + " is not",
                        "listen at 127.0.0.1, and let those on other machines come through SSH");
  const auto* server = find_key(top, "server");
  if (server == nullptr)
    return;
  const auto listen = parse_listen(x.server.listen);
  if (listen && x.server.auth == auth_mode::none && !listen->is_loopback())
    in.report().error(server->value.place, "server.auth",
                      "without tokens the head listens on loopback only, and " + x.server.listen + " is not",
                      "write `auth: tokens`, or listen at 127.0.0.1");
}

} // namespace

const std::vector<std::string_view>& service_keys() {
  static const auto all = [] {
    name_collector names_of;
    service_settings any;
    visit(names_of, any);
    return std::move(names_of.all);
  }();
  return all;
}

void decode_service(const value_reader& in, const std::filesystem::path& base, value_at top, service_settings& out) {
  std::vector<map_entry> entries;
  if (!in.is_map(top) || !in.map(top, field_path{}, entries))
    return;
  setting_reader reader{in, base, entries};
  visit(reader, out);
  check(in, entries, out);
}

} // namespace muster::config
