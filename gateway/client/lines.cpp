#include "gateway/client/lines.hpp"

namespace muster::client {

bool line_joiner::feed(std::string_view piece, const std::function<bool(std::string_view)>& use) {
  constexpr std::size_t most = std::size_t{8} << 20U;
  for (;;) {
    const auto end = piece.find('\n');
    if (end == std::string_view::npos)
      break;
    std::string_view line = piece.substr(0, end);
    if (!rest_.empty()) {
      rest_.append(line);
      line = rest_;
    }
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    const bool go_on = use(line);
    rest_.clear();
    piece.remove_prefix(end + 1);
    if (!go_on)
      return false;
  }
  rest_.append(piece);
  if (rest_.size() > most)
    rest_.clear();
  return true;
}

} // namespace muster::client
