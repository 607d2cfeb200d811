#include "executors/data/folders.hpp"
#include "executors/data/walk.hpp"

#include <algorithm>
#include <set>
#include <system_error>

namespace muster::data {

namespace fs = std::filesystem;

namespace {

error cannot(const std::string& what, const fs::path& path, const std::error_code& why) {
  return {ec::data_error, "cannot " + what + ' ' + path.string() + ": " + why.message()};
}

/// A source that is one file is matched by its name.
result<std::vector<fs::path>> file_if_matching(const fs::path& source, const std::string& pattern) {
  const auto chosen = matches(source.filename(), pattern);
  if (!chosen)
    return chosen.failure();
  return *chosen ? std::vector<fs::path>{source.filename()} : std::vector<fs::path>{};
}

result<void> link_matching(const fs::path& source, const std::string& pattern, const fs::path& place) {
  std::error_code failed;
  fs::create_directories(place, failed);
  if (failed)
    return cannot("make the folder", place, failed);
  const bool is_folder = fs::is_directory(source, failed);
  const auto base = is_folder ? source : source.parent_path();
  const auto chosen = is_folder ? files_below(source, pattern) : file_if_matching(source, pattern);
  if (!chosen)
    return chosen.failure();
  for (const auto& name : *chosen) {
    const auto to = place / name;
    fs::create_directories(to.parent_path(), failed);
    if (failed)
      return cannot("make the folder", to.parent_path(), failed);
    const auto from = base / name;
    if (fs::is_symlink(from, failed)) {
      fs::create_symlink(from, to, failed);
      if (failed)
        return cannot("link", from, failed);
    } else if (auto linked = link_file(from, to, fallback::symbolic_link); !linked) {
      return linked;
    }
  }
  return {};
}

/// There is no link to a task's output: it wrote nothing, unless nothing of its workflow is there.
result<void> check_wrote_nothing(const fs::path& output_link) {
  std::error_code failed;
  const auto workflow = output_link.parent_path();
  if (fs::exists(workflow, failed))
    return {};
  return {ec::data_error, "the input " + output_link.filename().stem().string() + " of workflow " +
                              workflow.filename().string() +
                              " is not there: that workflow was deleted, or nothing of it ever ran"};
}

result<void> link_one(const located_input& input, const fs::path& place) {
  std::error_code failed;
  // What the link `<task>.output` stands for now: a later attempt must not change it under the reader.
  const auto source = fs::canonical(input.source, failed);
  if (failed && (input.task.empty() || failed != std::errc::no_such_file_or_directory))
    return cannot("find the input", input.source, failed);
  if (failed) {
    if (auto nothing = check_wrote_nothing(input.source); !nothing)
      return nothing;
    fs::create_directories(place, failed);
    return failed ? result<void>{cannot("make the folder", place, failed)} : result<void>{};
  }
  if (!input.regex.empty())
    return link_matching(source, input.regex, place);
  fs::create_symlink(source, place, failed);
  return failed ? result<void>{cannot("link the input", source, failed)} : result<void>{};
}

/// Whether `name` is a folder in a folder, `3` or `3/train`, that leads nowhere else.
bool is_good_part(const fs::path& name) {
  return name.is_relative() && !name.empty() &&
         std::all_of(name.begin(), name.end(), [](const fs::path& x) { return !x.empty() && x != "." && x != ".."; });
}

/// No part may lie in another: what is made for it would be made in the other's output.
result<void> check_parts(const located_input& input) {
  std::set<std::string> names;
  for (const auto& [name, from] : input.parts) {
    if (!is_good_part(name))
      return {ec::data_error, "'" + name + "' cannot be the name of a folder"};
    names.insert(name);
  }
  for (const auto& name : names)
    for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
      if (names.count(name.substr(0, slash)) > 0)
        return {ec::data_error, "'" + name + "' would lie in the output of another task"};
  return {};
}

result<void> link_part(const located_input& input, const std::string& name, const fs::path& from, const fs::path& place,
                       parts_as how) {
  std::error_code failed;
  const auto source = fs::canonical(from, failed);
  if (failed == std::errc::no_such_file_or_directory)
    return check_wrote_nothing(from);
  if (failed)
    return cannot("find the input", from, failed);
  fs::create_directories((place / name).parent_path(), failed);
  if (failed)
    return cannot("make the folder", (place / name).parent_path(), failed);
  if (how == parts_as::hard_links)
    return link_matching(source, input.regex, place / name);
  return link_one({input.task, source, input.regex}, place / name);
}

result<void> link_parts(const located_input& input, const fs::path& place, parts_as how) {
  if (auto good = check_parts(input); !good)
    return good;
  std::error_code failed;
  fs::create_directories(place, failed);
  if (failed)
    return cannot("make the folder", place, failed);
  for (const auto& [name, from] : input.parts)
    if (auto linked = link_part(input, name, from, place, how); !linked)
      return linked;
  return {};
}

} // namespace

result<void> link_inputs(const std::vector<located_input>& inputs, const fs::path& folder, parts_as how) {
  std::error_code failed;
  fs::remove_all(folder, failed); // Of a preparation that a crash cut short.
  fs::create_directories(folder, failed);
  if (failed)
    return cannot("make the folder", folder, failed);
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    const auto place = folder / std::to_string(n);
    const auto linked = inputs[n].parts.empty() ? link_one(inputs[n], place) : link_parts(inputs[n], place, how);
    if (!linked)
      return error{ec::data_error, "input " + std::to_string(n) + ": " + linked.failure().message};
  }
  return {};
}

} // namespace muster::data
