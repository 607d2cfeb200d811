#include "cli/terminal/log_tail.hpp"

namespace muster::cli {

void line_cutter::feed(std::string_view piece, const std::function<void(std::string_view)>& use) {
  constexpr std::size_t longest_line = 16 * 1024;
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    if (end == std::string_view::npos) {
      rest_.append(piece);
      if (rest_.size() >= longest_line)
        finish(use);
      return;
    }
    if (rest_.empty()) {
      use(piece.substr(0, end));
    } else {
      rest_.append(piece.substr(0, end));
      finish(use);
    }
    piece.remove_prefix(end + 1);
  }
}

void line_cutter::finish(const std::function<void(std::string_view)>& use) {
  if (!rest_.empty())
    use(rest_);
  rest_.clear();
}

} // namespace muster::cli
