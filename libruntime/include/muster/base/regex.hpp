#pragma once

#include "muster/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace muster {

/// A compiled regular expression in the dialect of Python's `re` over Unicode text, which is what OSMO's specs are
/// written in. A value: copies share what was compiled, and matching from several threads at once is safe.
class regex {
public:
  /// Compiles `pattern`. What Python's `re` refuses is refused with `ec::invalid_argument` and a phrase that names the
  /// place.
  [[nodiscard]] static result<regex> compile(std::string_view pattern);

  /// Whether all of `text` matches (`re.fullmatch`). A match that takes too many steps or bytes that are not UTF-8 are
  /// errors.
  [[nodiscard]] result<bool> matches_all(std::string_view text) const;

  /// Whether a prefix of `text` matches (`re.match`): how `regex` of inputs, outputs and checkpoints chooses relative
  /// paths.
  [[nodiscard]] result<bool> matches_start(std::string_view text) const;

  /// Whether any part of `text` matches (`re.search`).
  [[nodiscard]] result<bool> matches_part(std::string_view text) const;

  /// The pattern as given.
  [[nodiscard]] const std::string& pattern() const noexcept;

private:
  struct compiled;
  explicit regex(std::shared_ptr<const compiled> x) : compiled_(std::move(x)) {}
  [[nodiscard]] result<bool> run(std::string_view text, unsigned options) const;

  std::shared_ptr<const compiled> compiled_;
};

} // namespace muster
