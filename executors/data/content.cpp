#include "executors/data/content.hpp"

#include "executors/data/walk.hpp"
#include "muster/base/sha256.hpp"
#include "muster/base/unique_fd.hpp"

#include <cerrno>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::data {

namespace fs = std::filesystem;

namespace {

/// Files whose digests are remembered, at most.
constexpr std::size_t most_remembered = 65'536;
constexpr std::size_t piece = std::size_t{1} << 20U;

error cannot(const std::string& what, const fs::path& path, const std::error_code& why) {
  return {ec::data_error, "cannot " + what + ' ' + path.string() + ": " + why.message()};
}

error cannot(const std::string& what, const fs::path& path) {
  return cannot(what, path, {errno, std::generic_category()});
}

std::string text_of(const timespec& x) {
  return std::to_string(x.tv_sec) + '.' + std::to_string(x.tv_nsec);
}

} // namespace

/// Digests of files become that of a folder.
class digest_list {
public:
  void add(const std::string& name, const std::string& digest) {
    all_.add_field(name);
    all_.add_field(digest);
    if (files_.size() < content::most_files)
      files_.emplace_back(name, digest);
  }
  content finish() { return {all_.hex(), std::move(files_)}; }

private:
  sha256 all_;
  std::vector<std::pair<std::string, std::string>> files_;
};

result<content> content_reader::read(const located_input& x) {
  digest_list all;
  if (x.parts.empty()) {
    if (auto added = add_source(x.source, x.regex, "", all); !added)
      return added.failure();
  }
  for (const auto& [folder, source] : x.parts)
    if (auto added = add_source(source, x.regex, folder + '/', all); !added)
      return added.failure();
  return all.finish();
}

result<void> content_reader::add_source(const fs::path& source, const std::string& regex, const std::string& below,
                                        digest_list& into) {
  std::error_code failed;
  const auto real = fs::canonical(source, failed);
  if (failed == std::errc::no_such_file_or_directory && fs::exists(source.parent_path(), failed))
    return {}; // A task that wrote nothing.
  if (failed)
    return cannot("find the input", source, failed);
  if (!fs::is_directory(real, failed))
    return add_file(real, below + real.filename().string(), into);
  const auto names = files_below(real, regex);
  if (!names)
    return names.failure();
  for (const auto& name : *names)
    if (auto added = add_file(real / name, below + name.string(), into); !added)
      return added;
  return {};
}

result<void> content_reader::add_file(const fs::path& file, const std::string& name, digest_list& into) {
  struct stat now {};
  if (::stat(file.c_str(), &now) != 0 || S_ISDIR(now.st_mode)) {
    // A link that leads to a folder or nowhere counts by where it leads.
    std::error_code failed;
    const auto target = fs::read_symlink(file, failed);
    if (failed)
      return cannot("read", file, failed);
    into.add(name, "link " + target.string());
    return {};
  }
  const auto id = std::to_string(now.st_dev) + ':' + std::to_string(now.st_ino);
  const auto state = std::to_string(now.st_size) + ' ' + text_of(now.st_mtim) + ' ' + text_of(now.st_ctim);
  const auto known = known_.find(id);
  constexpr unsigned permissions = 0777;
  const auto mode = std::to_string(now.st_mode & permissions) + ' ';
  if (known != known_.end() && known->second.state == state) {
    order_.splice(order_.begin(), order_, known->second.order);
    into.add(name, mode + known->second.digest);
    return {};
  }
  auto digest = digest_of(file);
  if (!digest)
    return digest.failure();
  into.add(name, mode + *digest);
  if (known != known_.end()) {
    known->second.state = state;
    known->second.digest = std::move(*digest);
    return {};
  }
  order_.push_front(id);
  known_[id] = {state, std::move(*digest), order_.begin()};
  if (known_.size() > most_remembered) {
    known_.erase(order_.back());
    order_.pop_back();
  }
  return {};
}

result<std::string> content_reader::digest_of(const fs::path& file) {
  const unique_fd in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (in.get() < 0)
    return cannot("open", file);
  struct stat now {};
  if (::fstat(in.get(), &now) != 0 || !S_ISREG(now.st_mode))
    return error{ec::data_error, file.string() + " is no file"};
  sha256 all;
  const auto buffer = std::make_unique<char[]>(piece);
  for (;;) {
    if (*stop_)
      return error{ec::canceled, "the runtime ends"};
    const auto got = ::read(in.get(), buffer.get(), piece);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return cannot("read", file);
    if (got == 0)
      return all.hex();
    all.add({buffer.get(), static_cast<std::size_t>(got)});
  }
}

namespace {

/// Where a link of the old folder is to lead in the new one: within the folder it stays as it is.
fs::path link_target(const fs::path& link, const fs::path& root, std::error_code& failed) {
  auto target = fs::read_symlink(link, failed);
  if (failed || target.is_absolute())
    return target;
  const auto inside = (link.parent_path() / target).lexically_normal().lexically_relative(root);
  const bool leads_out = inside.empty() || *inside.begin() == "..";
  return leads_out ? (link.parent_path() / target).lexically_normal() : target;
}

/// True if all of it could be linked file by file.
result<bool> link_files(const fs::path& from, const fs::path& to) {
  const auto names = files_below(from, {});
  if (!names)
    return names.failure();
  std::error_code failed;
  for (const auto& name : *names) {
    const auto place = to / name;
    fs::create_directories(place.parent_path(), failed);
    if (failed)
      return cannot("make the folder", place.parent_path(), failed);
    if (fs::is_symlink(from / name, failed)) {
      const auto target = link_target(from / name, from, failed);
      if (!failed)
        fs::create_symlink(target, place, failed);
      if (failed)
        return cannot("link", from / name, failed);
    } else if (::link((from / name).c_str(), place.c_str()) != 0) {
      return false;
    }
  }
  return true;
}

} // namespace

result<void> link_folder(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::remove_all(to, failed);
  if (failed)
    return cannot("remove", to, failed);
  const auto real = fs::canonical(from, failed);
  if (failed)
    return cannot("find", from, failed);
  fs::create_directories(to, failed);
  if (failed)
    return cannot("make the folder", to, failed);
  const auto linked = link_files(real, to);
  if (!linked)
    return linked.failure();
  if (*linked)
    return {};
  fs::remove_all(to, failed);
  fs::create_directory_symlink(real, to, failed);
  return failed ? result<void>{cannot("link", real, failed)} : result<void>{};
}

} // namespace muster::data
