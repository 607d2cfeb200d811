#include "executors/data/folders.hpp"
#include "executors/data/walk.hpp"
#include "muster/spec/storage_url.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <unistd.h>

namespace muster::data {

namespace fs = std::filesystem;

namespace {

error cannot(const std::string& what, const fs::path& path, const std::error_code& why) {
  return {ec::data_error, "cannot " + what + ' ' + path.string() + ": " + why.message()};
}

std::error_code last_error() {
  return {errno, std::generic_category()};
}

/// The file that `path` is or, being a link, leads to; within `root`.
result<fs::path> file_behind(const fs::path& path, const fs::path& root) {
  std::error_code failed;
  if (!fs::is_symlink(path, failed))
    return path;
  const auto target = fs::canonical(path, failed);
  if (failed)
    return error{ec::data_error, "the link " + path.string() + " leads nowhere"};
  const auto relative = target.lexically_relative(root);
  if (relative.empty() || *relative.begin() == "..")
    return error{ec::data_error,
                 "the link " + path.string() + " leads out of the output folder, to " + target.string()};
  if (!fs::is_regular_file(target, failed))
    return error{ec::data_error, "the link " + path.string() + " leads to a folder; only links to files are published"};
  return target;
}

/// Puts one file at `to` in one step, over what may be there.
result<void> put_whole(const fs::path& from, const fs::path& to, const std::string& mark) {
  const auto temporary = to.parent_path() / ("." + mark + ".part");
  std::error_code failed;
  fs::create_directories(to.parent_path(), failed);
  if (failed)
    return cannot("make the folder", to.parent_path(), failed);
  ::unlink(temporary.c_str());
  if (auto linked = link_file(from, temporary, fallback::copy); !linked)
    return linked;
  const bool renamed = std::rename(temporary.c_str(), to.c_str()) == 0;
  failed = last_error();
  ::unlink(temporary.c_str()); // Left over as well if both names are one file already.
  return renamed ? result<void>{} : result<void>{cannot("publish", to, failed)};
}

result<void> put_all(const fs::path& from, const std::vector<fs::path>& names, const fs::path& to,
                     const std::string& mark) {
  std::error_code failed;
  const auto root = fs::canonical(from, failed);
  if (failed)
    return cannot("find", from, failed);
  for (const auto& name : names) {
    const auto file = file_behind(root / name, root);
    if (!file)
      return file.failure();
    if (auto put = put_whole(*file, to / name, mark); !put)
      return put;
  }
  return {};
}

/// All into a folder beside the target, then one rename. False: the target has come to be meanwhile.
result<bool> put_new(const fs::path& from, const std::vector<fs::path>& names, const fs::path& to,
                     const std::string& mark) {
  const auto beside = to.parent_path() / ('.' + to.filename().string() + '.' + mark + ".part");
  std::error_code failed;
  fs::remove_all(beside, failed);
  fs::create_directories(beside, failed);
  if (failed)
    return cannot("make the folder", beside, failed);
  const auto put = put_all(from, names, beside, mark);
  const bool renamed = put && std::rename(beside.c_str(), to.c_str()) == 0;
  const auto why = last_error();
  if (!renamed)
    fs::remove_all(beside, failed);
  if (!put)
    return put.failure();
  if (renamed)
    return true;
  if (why == std::errc::directory_not_empty || why == std::errc::file_exists || why == std::errc::not_a_directory)
    return false;
  return cannot("publish", to, why);
}

} // namespace

result<void> publish(const fs::path& from, const spec::output& to, const std::string& mark) {
  const auto parsed = spec::parse_file_url(to.url);
  if (!parsed)
    return error{ec::data_error, "the output URL '" + to.url + "' cannot be used: " + parsed.failure().message};
  auto target = fs::path{*parsed}.lexically_normal();
  if (!target.has_filename())
    target = target.parent_path();
  if (!target.has_filename())
    return error{ec::data_error, "the output URL '" + to.url + "' names the root folder"};
  const auto names = files_below(from, to.regex);
  if (!names)
    return names.failure();
  if (names->empty())
    return {};
  std::error_code failed;
  if (!fs::exists(fs::symlink_status(target, failed))) {
    const auto made = put_new(from, *names, target, mark);
    if (!made)
      return made.failure();
    if (*made)
      return {};
  }
  if (!fs::is_directory(target, failed))
    return error{ec::data_error, "cannot publish to " + target.string() + ": it exists and is no folder"};
  return put_all(from, *names, target, mark);
}

bool is_empty_folder(const fs::path& folder) {
  std::error_code failed;
  return fs::is_empty(folder, failed) && !failed;
}

result<void> show_output(const fs::path& attempt_folder) {
  const auto output = attempt_folder / "output";
  std::error_code failed;
  if (!fs::is_directory(output, failed) || is_empty_folder(output))
    return {};
  auto link = attempt_folder;
  link.replace_extension(".output");
  auto next = attempt_folder;
  next += ".output-link";
  ::unlink(next.c_str());
  fs::create_symlink(attempt_folder.filename() / "output", next, failed);
  if (failed)
    return cannot("make the link", next, failed);
  if (std::rename(next.c_str(), link.c_str()) != 0)
    return cannot("make the link", link, last_error());
  return {};
}

} // namespace muster::data
