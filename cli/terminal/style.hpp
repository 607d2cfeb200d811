#pragma once

#include "muster/state/status.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::cli {

/// How a piece of text is shown.
enum class tone : std::uint8_t { plain, faint, strong, good, busy, bad };

/// Colours, where they are wanted: the stream is a terminal, NO_COLOR is unset or empty, TERM is not `dumb`.
class style {
public:
  /// Without colours.
  style() = default;
  /// For what is written to `descriptor`.
  [[nodiscard]] static style for_descriptor(int descriptor);

  [[nodiscard]] bool coloured() const noexcept { return coloured_; }
  /// `text` in `t`; `text` itself without colours.
  [[nodiscard]] std::string paint(tone t, std::string_view text) const;
  /// `text` in one of a few colours, chosen by `number`: tells neighbours apart.
  [[nodiscard]] std::string paint_number(std::size_t number, std::string_view text) const;

private:
  explicit style(bool coloured) noexcept : coloured_(coloured) {}
  bool coloured_ = false;
};

/// The tone of a status: ended well, in work, ended badly.
[[nodiscard]] tone tone_of(status s) noexcept;

/// Whether `descriptor` is a terminal that understands cursor movements.
[[nodiscard]] bool is_terminal(int descriptor);

/// Columns and rows of the terminal at `descriptor`; 80 x 24 if unknown.
struct terminal_size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
[[nodiscard]] terminal_size size_of_terminal(int descriptor);

} // namespace muster::cli
