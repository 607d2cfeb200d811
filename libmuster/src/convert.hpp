#pragma once

#include "muster/api/result.hpp"
#include "muster/api/value.hpp"

#include "muster/base/result.hpp"
#include "muster/spec/template_value.hpp"

#include <utility>

/// Between the values of the API and those of the layers below.
namespace muster::api {

/// The numbers of both enums are the same: tests/api holds them to it.
[[nodiscard]] inline error to_api(const muster::error& x) {
  return {static_cast<ec>(x.code), x.message};
}

[[nodiscard]] inline result<void> to_api(const muster::result<void>& x) {
  return x ? result<void>{} : result<void>{to_api(x.failure())};
}

/// What a result file or an expression gave. Nested 200 deep at most, as `value_from_json` has it.
[[nodiscard]] value to_api(const spec::template_value& x);

/// How a real number is written so that JSON and YAML both read it as one; not for infinities and NaN.
[[nodiscard]] std::string number_text(double x);

/// A text in double quotes, as JSON and YAML both read it.
[[nodiscard]] std::string quoted(const std::string& text);

} // namespace muster::api
