#pragma once

#include "executors/driver.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

/// What tasks give as their results, and see of others'. All of it blocks.
namespace muster::data {

/// Puts `text`, which a task gave as its result, into `to`: the JSON in it without surrounding white space, or why it
/// is none. White space alone is no result. At most `most` bytes are taken.
void take_result(std::string text, std::size_t most, exit_result& to);

/// Reads it from a file that the task wrote, or did not. What is no regular file is not read, and links are not
/// followed: the task may be anybody.
void read_result(const std::filesystem::path& file, std::size_t most, exit_result& to);

/// True if there is something for `read_result` to look at; one look at the disk.
[[nodiscard]] bool has_result(const std::string& file);

/// Writes the results that an attempt is to see: `folder`/<name>.json each. Nothing at all happens if there are none.
/// Fails with `data_error`: a name that is no plain file name, or a file that cannot be written.
[[nodiscard]] result<void> write_results(const attempt_spec& spec, const std::filesystem::path& folder);

/// Keeps in the attempt's folder where its outputs go, for a runtime that adopts the attempt: it does not know the
/// tokens that the attempt's flow gave it, so `adopt` comes without them. Does nothing where there are no such tokens,
/// or no outputs. Fails with `data_error`.
[[nodiscard]] result<void> keep_outputs(const attempt_spec& spec, const std::vector<spec::output>& located);

/// What was kept; `otherwise` if nothing was.
[[nodiscard]] std::vector<spec::output> kept_outputs(const std::filesystem::path& attempt_folder,
                                                     std::vector<spec::output> otherwise);

/// The name of the file in which it is kept.
constexpr const char* kept_outputs_name = "outputs.json";

} // namespace muster::data
