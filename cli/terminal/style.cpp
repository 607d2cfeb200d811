#include "cli/terminal/style.hpp"

#include <array>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

namespace muster::cli {

namespace {

std::string wrap(const char* code, std::string_view text) {
  return "\x1b[" + std::string(code) + 'm' + std::string(text) + "\x1b[0m";
}

const char* code_of(tone t) {
  switch (t) {
    case tone::plain: return "0";
    case tone::faint: return "2";
    case tone::strong: return "1";
    case tone::good: return "32";
    case tone::busy: return "36";
    case tone::bad: return "31";
  }
  return "0";
}

} // namespace

style style::for_descriptor(int descriptor) {
  const char* refused = std::getenv("NO_COLOR");
  return style{is_terminal(descriptor) && (refused == nullptr || *refused == '\0')};
}

std::string style::paint(tone t, std::string_view text) const {
  return coloured_ && t != tone::plain ? wrap(code_of(t), text) : std::string(text);
}

std::string style::paint_number(std::size_t number, std::string_view text) const {
  static constexpr std::array<const char*, 6> codes{"36", "33", "35", "32", "34", "96"};
  return coloured_ ? wrap(codes[number % codes.size()], text) : std::string(text);
}

tone tone_of(status s) noexcept {
  if (s == status::completed)
    return tone::good;
  if (s == status::failed_upstream)
    return tone::faint;
  if (is_failed(s))
    return tone::bad;
  if (s == status::running || s == status::initializing || s == status::rescheduled)
    return tone::busy;
  return tone::faint;
}

bool is_terminal(int descriptor) {
  const char* kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

terminal_size size_of_terminal(int descriptor) {
  winsize found{};
  if (::ioctl(descriptor, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 || found.ws_row == 0)
    return {};
  return {found.ws_col, found.ws_row};
}

} // namespace muster::cli
