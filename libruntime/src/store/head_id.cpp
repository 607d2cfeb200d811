#include "muster/store/head_id.hpp"

#include "muster/base/unique_fd.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

namespace muster::store {

namespace {

constexpr std::size_t digits = 12;

error failed(const std::string& what, const std::filesystem::path& path) {
  return {ec::io_error, "cannot " + what + ' ' + path.string() + ": " + std::generic_category().message(errno)};
}

/// What the file holds; nothing if there is none.
result<std::optional<std::string>> read_id(const std::filesystem::path& path) {
  const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.get() < 0) {
    if (errno == ENOENT)
      return std::optional<std::string>{};
    return failed("open", path);
  }
  std::array<char, 64> buffer{};
  const auto got = ::read(file.get(), buffer.data(), buffer.size());
  if (got < 0)
    return failed("read", path);
  std::string text{buffer.data(), static_cast<std::size_t>(got)};
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  const bool good = text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!good)
    return {ec::store_corrupt,
            path.string() + " is damaged: it should hold " + std::to_string(digits) +
                " hex digits. Containers of this state directory are known by them as 'muster-<digits>-...': write "
                "them back (docker ps -a shows them), or remove the file if no container is left"};
  return std::optional{std::move(text)};
}

result<std::string> random_id() {
  std::array<unsigned char, digits / 2> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return {ec::io_error, "the system gives no random bytes: " + std::generic_category().message(errno)};
  constexpr const char* hex = "0123456789abcdef";
  std::string text;
  for (const auto x : bytes) {
    text += hex[x >> 4U];
    text += hex[x & 15U];
  }
  return text;
}

/// Writes `text` to a new file, durably.
result<void> write_file(const std::filesystem::path& path, const std::string& text) {
  const unique_fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (file.get() < 0)
    return failed("make", path);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(file.get()) != 0)
    return failed("write", path);
  return {};
}

} // namespace

result<std::string> head_id(const state_directory& directory) {
  const auto path = directory.root() / "head-id";
  auto known = read_id(path);
  if (!known)
    return known.failure();
  if (*known)
    return **std::move(known);
  const auto fresh = random_id();
  if (!fresh)
    return fresh.failure();
  // A link, not a rename: it does not replace what another process has made meanwhile.
  const auto draft = directory.root() / ("head-id." + *fresh);
  const auto written = write_file(draft, *fresh + '\n');
  const bool linked = written.ok() && (::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const auto problem = failed("make", path);
  ::unlink(draft.c_str());
  if (!written)
    return written.failure();
  if (!linked)
    return problem;
  const unique_fd folder{::open(directory.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.get() < 0 || ::fsync(folder.get()) != 0)
    return failed("write", directory.root());
  known = read_id(path);
  if (!known)
    return known.failure();
  if (!*known)
    return {ec::io_error, path.string() + " was removed while it was made"};
  return **std::move(known);
}

} // namespace muster::store
