#pragma once

#include "executors/driver.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// Moves data between attempts of drivers that work on local folders. Nothing is copied that a link can carry. All of
/// it blocks: never call it from an actor or from the thread that talks to an engine. Errors are `data_error`.
namespace muster::data {

/// Makes `folder`/0, /1, ...: each a link to the whole source, or, with a regex, a folder of links to the files whose
/// path in the source matches from its start: hard links on one file system, else symbolic ones. A task's source that
/// does not exist is an empty folder; a URL's must exist. An input of parts is a folder with all that for each part,
/// but nothing for one whose source does not exist; with `parts_as` hard links, each file of a part is linked by
/// itself, for readers that do not see where a link to the whole would lead.
enum class parts_as : std::uint8_t { links_to_folders, hard_links };
[[nodiscard]] result<void> link_inputs(const std::vector<located_input>& inputs, const std::filesystem::path& folder,
                                       parts_as how = parts_as::links_to_folders);

/// Publishes the files of `from` (those that match) to the folder that the `file://` URL names. A new folder becomes
/// visible whole, by one rename; into an existing one the files are moved one by one, each whole. Nothing at all
/// happens if there is no file. `mark` makes temporary names unique. Refuses links that lead out of `from` and what is
/// no file.
[[nodiscard]] result<void> publish(const std::filesystem::path& from, const spec::output& to, const std::string& mark);

/// Makes `<task>.output` a link to the output of the attempt in `<task>.<n>`, in one step, unless that is empty.
[[nodiscard]] result<void> show_output(const std::filesystem::path& attempt_folder);

/// True if `folder` exists and has no entries.
[[nodiscard]] bool is_empty_folder(const std::filesystem::path& folder);

} // namespace muster::data
