#include "spec/local_files.hpp"

#include "muster/base/unique_fd.hpp"
#include "muster/base/utf8.hpp"
#include "spec/render_spec.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace muster::spec {

namespace {

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode))
    return "a folder";
  if (S_ISFIFO(mode))
    return "a named pipe";
  if (S_ISSOCK(mode))
    return "a socket";
  return "a device";
}

std::string base64(const std::string& bytes) {
  constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U; };
    const auto bits = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    out += digits[bits >> 18U];
    out += digits[(bits >> 12U) & 63U];
    out += i + 1 < bytes.size() ? digits[(bits >> 6U) & 63U] : '=';
    out += i + 2 < bytes.size() ? digits[bits & 63U] : '=';
  }
  return out;
}

/// As Python reads a text file.
std::string with_plain_newlines(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      out += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n')
        ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

} // namespace

result<std::string> read_regular_file(const std::string& path, std::size_t limit) {
  if (path.find('\0') != std::string::npos)
    return {ec::invalid_argument, "the path holds a NUL byte"};
  // O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
  const unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.get() < 0)
    return {errno == ENOENT ? ec::not_found : ec::io_error, "cannot open '" + path + "': " + std::strerror(errno)};
  struct stat info {};
  if (::fstat(file.get(), &info) != 0)
    return {ec::io_error, "cannot look at '" + path + "': " + std::strerror(errno)};
  if (!S_ISREG(info.st_mode))
    return {ec::invalid_argument, "'" + path + "' is " + kind_of(info.st_mode) + ", expected a regular file"};
  const auto too_big = [&] {
    return error{ec::limit_exceeded, "'" + path + "' is larger than " + std::to_string(limit >> 20U) + " MiB"};
  };
  if (static_cast<std::uint64_t>(info.st_size) > limit)
    return too_big();
  std::string out;
  out.resize(static_cast<std::size_t>(info.st_size) + 1);
  std::size_t filled = 0;
  while (true) {
    const auto count = ::read(file.get(), out.data() + filled, out.size() - filled);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return {ec::io_error, "cannot read '" + path + "': " + std::strerror(errno)};
    if (count == 0)
      break;
    filled += static_cast<std::size_t>(count);
    if (filled > limit)
      return too_big();
    if (filled == out.size())
      out.resize(out.size() * 2);
  }
  out.resize(filled);
  return out;
}

namespace {

/// The file, from where the options say.
result<std::string> bytes_of(const std::string& name, const load_options& options) {
  if (options.local_files) {
    const auto found = options.local_files->find(name);
    if (found == options.local_files->end())
      return {ec::not_found, "'" + name + "' was not sent with the spec"};
    return found->second;
  }
  if (!options.read_local_files)
    return {ec::invalid_argument, "`localpath` cannot be read here, put the text into `contents`"};
  return read_regular_file(!name.empty() && name.front() == '/' ? name : options.base_dir + "/" + name,
                           largest_local_file);
}

} // namespace

std::string read_local_file(const std::string& name, const load_options& options, file& out) {
  auto bytes = bytes_of(name, options);
  if (!bytes)
    return bytes.failure().message;
  if (options.files_read)
    options.files_read->emplace(name, *bytes);
  if (is_utf8(*bytes)) {
    out.contents = with_plain_newlines(*bytes);
    // OSMO's service renders every text that its client sends, scripts included. Here that is only done where verdicts
    // count.
    return options.profile == profile::osmo ? render_contents(out.contents, options) : std::string{};
  }
  if (options.profile == profile::osmo || out.base64)
    return "'" + name + "' is not UTF-8";
  out.contents = base64(*bytes);
  out.base64 = true;
  return {};
}

} // namespace muster::spec
