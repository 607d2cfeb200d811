#include "gateway/api/tar_stream.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::gateway {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t deepest = 128;
constexpr std::size_t names_at_a_time = 16 * 1024; ///< Bytes, of one folder.
constexpr std::uint64_t most_octal = 077777777777;

void put(std::array<char, block>& head, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), head.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_octal(std::array<char, block>& head, std::size_t at, int digits, std::uint64_t value) {
  std::array<char, 24> text{};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg)
  std::snprintf(text.data(), text.size(), "%0*llo", digits, static_cast<unsigned long long>(value));
  put(head, at, text.data());
}

std::string one_head(std::string_view path, std::uint64_t size, std::int64_t modified, char type) {
  std::array<char, block> head{};
  put(head, 0, path.substr(0, 100));
  put_octal(head, 100, 7, type == '5' ? 0755 : 0644);
  put_octal(head, 108, 7, 0);
  put_octal(head, 116, 7, 0);
  put_octal(head, 124, 11, std::min(size, most_octal));
  put_octal(head, 136, 11, static_cast<std::uint64_t>(std::clamp<std::int64_t>(modified, 0, most_octal)));
  put(head, 148, "        ");
  head[156] = type;
  put(head, 257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : head)
    sum += static_cast<unsigned char>(c);
  put_octal(head, 148, 6, sum);
  head[154] = '\0';
  return {head.data(), head.size()};
}

std::string padding(std::uint64_t size) {
  return std::string(static_cast<std::size_t>((block - size % block) % block), '\0');
}

/// `<length> <key>=<value>\n`, the length counting itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const auto rest = ' ' + std::string(key) + '=' + std::string(value) + '\n';
  auto size = rest.size() + 1;
  while (std::to_string(size).size() + rest.size() != size)
    size = std::to_string(size).size() + rest.size();
  return std::to_string(size) + rest;
}

} // namespace

std::string tar_head(std::string_view path, std::uint64_t size, std::int64_t modified, bool is_folder) {
  std::string records;
  if (path.size() > 100)
    records += pax_record("path", path);
  if (size > most_octal)
    records += pax_record("size", std::to_string(size));
  std::string out;
  if (!records.empty())
    out = one_head("pax", records.size(), 0, 'x') + records + padding(records.size());
  return out + one_head(path, size, modified, is_folder ? '5' : '0');
}

tar_stream::tar_stream(unique_fd folder, places::place place) : root_(std::move(folder)), place_(std::move(place)) {}

bool tar_stream::enter(const std::string& path) {
  auto folder = open_beneath(root_, path.empty() ? path : path.substr(0, path.size() - 1));
  if (!folder || folder->kind != file_kind::folder)
    return path.empty() ? false : true; // It went meanwhile.
  auto names = folder_names::of(*folder);
  if (!names || levels_.size() == deepest)
    return false;
  levels_.push_back({path, std::move(*names), {}, 0});
  return true;
}

http::body_stream::next tar_stream::produce(std::string& out, std::size_t room) {
  if (!std::exchange(has_begun_, true) && !enter({}))
    return next::fail;
  room += out.size();
  // Folders without files give little to send: what one call looks at is bounded all the same.
  for (int looked_at = 0; out.size() < room && looked_at < 256; ++looked_at) {
    if (file_.fd) {
      if (!add_file(out, room))
        return next::fail;
    } else if (levels_.empty()) {
      out.append(2 * block, '\0');
      return next::end;
    } else if (!add_next(out)) {
      return next::fail;
    }
  }
  return next::more;
}

bool tar_stream::add_next(std::string& out) {
  auto& here = levels_.back();
  if (here.at == here.names.size()) {
    here.names = here.rest.next(names_at_a_time);
    here.at = 0;
    if (here.names.empty())
      levels_.pop_back();
    return true;
  }
  const auto path = here.path + here.names[here.at++];
  auto found = open_beneath(root_, path);
  if (!found)
    return true;
  const auto modified = found->modified_ns / 1'000'000'000;
  if (found->kind == file_kind::folder) {
    struct stat own {}; // A link to a folder could lead back to where it is.
    auto above = open_beneath(root_, here.path.empty() ? "" : here.path.substr(0, here.path.size() - 1));
    if (!above || ::fstatat(above->fd.get(), here.names[here.at - 1].c_str(), &own, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(own.st_mode))
      return true;
    out += tar_head(path + '/', 0, modified, true);
    return enter(path + '/');
  }
  if (found->kind != file_kind::file)
    return true;
  out += tar_head(path, found->size, modified, false);
  if (found->size != 0)
    file_ = std::move(*found);
  sent_ = 0;
  return true;
}

/// A piece of the file; false if it is shorter than its head said.
bool tar_stream::add_file(std::string& out, std::size_t room) {
  const auto before = out.size();
  const auto wanted = static_cast<std::size_t>(
      std::min<std::uint64_t>(std::max<std::size_t>(room - before, block), file_.size - sent_));
  out.resize(before + wanted);
  const auto got = ::pread(file_.fd.get(), out.data() + before, wanted, static_cast<off_t>(sent_));
  if (got <= 0)
    return false;
  out.resize(before + static_cast<std::size_t>(got));
  sent_ += static_cast<std::uint64_t>(got);
  if (sent_ == file_.size) {
    out += padding(file_.size);
    file_ = {};
  }
  return true;
}

} // namespace muster::gateway
