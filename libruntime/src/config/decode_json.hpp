#pragma once

#include "muster/base/result.hpp"
#include "spec/decode.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace muster::config {

/// All that is wrong, one a line.
[[nodiscard]] inline std::string text_of(const std::vector<spec::diagnostic>& all) {
  std::string out;
  for (const auto& x : all)
    out += (out.empty() ? "" : "\n") + x.field + (x.field.empty() ? "" : ": ") + x.message +
           (x.hint.empty() ? "" : "; " + x.hint);
  return out;
}

/// Reads JSON as a part of a file, for JSON is YAML: `read(in, top)` says what it stands for. `what` is for messages.
/// `invalid_argument` names each field and says what is wrong, one a line.
template <class Read>
[[nodiscard]] result<void> decode_json(std::string_view text, const std::string& what, Read read) {
  try {
    spec::reporter report;
    spec::yaml::tree document;
    spec::yaml::problem why;
    if (!spec::yaml::parse(text, document, why))
      return {ec::invalid_argument, what + ": " + why.message};
    const spec::value_reader in{document, report};
    read(in, spec::value_at{document.root(), document.at(document.root()).start});
    if (!report.clean())
      return {ec::invalid_argument, text_of(report.take_errors())};
    return {};
  } catch (const std::exception& problem) {
    return {ec::invalid_argument, what + ": it cannot be read: " + problem.what()};
  }
}

} // namespace muster::config
