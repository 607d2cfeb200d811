#include "executors/data/walk.hpp"

#include "muster/base/regex.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>

#include <unistd.h>

namespace muster::data {

namespace fs = std::filesystem;

namespace {

/// Nothing for an empty pattern.
result<std::optional<regex>> compile(const std::string& pattern) {
  if (pattern.empty())
    return std::optional<regex>{};
  auto compiled = regex::compile(pattern);
  if (!compiled)
    return error{ec::data_error, "the regex '" + pattern + "' cannot be used: " + compiled.failure().message};
  return std::optional<regex>{*std::move(compiled)};
}

result<bool> chooses(const std::optional<regex>& filter, const fs::path& name) {
  if (!filter)
    return true;
  auto chosen = filter->matches_start(name.string());
  if (!chosen)
    return error{ec::data_error, "cannot match '" + name.string() + "': " + chosen.failure().message};
  return chosen;
}

} // namespace

result<bool> matches(const fs::path& name, const std::string& pattern) {
  const auto filter = compile(pattern);
  return filter ? chooses(*filter, name) : result<bool>{filter.failure()};
}

result<std::vector<fs::path>> files_below(const fs::path& folder, const std::string& pattern) {
  const auto filter = compile(pattern);
  if (!filter)
    return filter.failure();
  std::vector<fs::path> out;
  std::error_code failed;
  for (fs::recursive_directory_iterator at{folder, failed}, end; !failed && at != end; at.increment(failed)) {
    const auto status = at->symlink_status(failed);
    if (failed)
      break;
    if (fs::is_directory(status))
      continue;
    auto relative = at->path().lexically_relative(folder);
    const auto chosen = chooses(*filter, relative);
    if (!chosen)
      return chosen.failure();
    if (!*chosen)
      continue;
    if (!fs::is_regular_file(status) && !fs::is_symlink(status))
      return error{ec::data_error, at->path().string() + " is neither a file nor a folder nor a link"};
    out.push_back(std::move(relative));
  }
  if (failed)
    return error{ec::data_error, "cannot read the folder " + folder.string() + ": " + failed.message()};
  std::sort(out.begin(), out.end());
  return out;
}

result<void> link_file(const fs::path& from, const fs::path& to, fallback otherwise) {
  if (::link(from.c_str(), to.c_str()) == 0)
    return {};
  const int number = errno;
  const bool can_not_link = number == EXDEV || number == EPERM || number == EMLINK || number == EOPNOTSUPP;
  std::error_code failed{number, std::generic_category()};
  if (can_not_link && otherwise == fallback::symbolic_link)
    fs::create_symlink(fs::absolute(from), to, failed);
  else if (can_not_link)
    fs::copy_file(from, to, failed);
  if (failed)
    return error{ec::data_error, "cannot link " + from.string() + " to " + to.string() + ": " + failed.message()};
  return {};
}

} // namespace muster::data
