#pragma once

#include "muster/base/time.hpp"
#include "muster/config/service.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::config {

/// Is told of every key of the configuration with the member that holds it: one description serves for reading a
/// file, for printing it, and for telling two apart.
class setting_visitor {
public:
  using choices = std::vector<std::pair<std::string_view, std::uint8_t>>;
  /// What is wrong with a text, or nothing.
  using text_check = std::function<std::string(const std::string&)>;

  virtual ~setting_visitor() = default;

  virtual void section(std::string_view name, const std::function<void()>& members) = 0;
  virtual void text(std::string_view name, std::string& x, const text_check& check) = 0;
  virtual void file(std::string_view name, std::filesystem::path& x) = 0;
  virtual void boolean(std::string_view name, bool& x) = 0;
  virtual void integer(std::string_view name, std::int64_t& x, std::int64_t least, std::int64_t most) = 0;
  virtual void real(std::string_view name, double& x, double least, double most) = 0;
  virtual void bytes(std::string_view name, std::int64_t& x, std::int64_t least) = 0;
  virtual void span(std::string_view name, duration& x, duration least) = 0;
  virtual void choice(std::string_view name, std::uint8_t& x, const choices& of) = 0;
  virtual void texts(std::string_view name, std::vector<std::string>& x) = 0;
  virtual void certificate(std::string_view name, std::optional<certificate_settings>& x) = 0;
  virtual void levels(std::string_view name, std::map<std::string, log::level>& x) = 0;

  template <class Number>
  void number(std::string_view name, Number& x, std::int64_t least,
              std::int64_t most = std::numeric_limits<std::int32_t>::max()) {
    auto wide = static_cast<std::int64_t>(x);
    integer(name, wide, least, most);
    x = static_cast<Number>(wide);
  }

  template <class Enum>
  void one_of(std::string_view name, Enum& x, const choices& of) {
    auto number = static_cast<std::uint8_t>(x);
    choice(name, number, of);
    x = static_cast<Enum>(number);
  }
};

/// Names every key of `x` to `visitor`.
void visit(setting_visitor& visitor, service_settings& x);

} // namespace muster::config
