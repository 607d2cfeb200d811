#pragma once

#include "executors/docker/container_config.hpp"
#include "executors/driver.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What an attempt has on this host's disk, and what is put into its container. All of it blocks.
namespace muster::docker {

/// A file for the container's file system.
struct injected_file {
  std::string path; ///< Relative to the root.
  std::string content;
};

/// Reads the files of a task: tokens replaced, base64 decoded; a relative path counts from `working_folder`. Fails with
/// `data_error`, saying which file cannot be one.
[[nodiscard]] result<std::vector<injected_file>>
injected_files(const attempt_spec& spec, const spec::token_values& tokens, const std::string& working_folder);

/// The archive of `files` for the container's root; each is 0644, or 0755 if it begins with `#!`, and belongs to `user`
/// where that is a number, else to root. Empty if there are none.
[[nodiscard]] result<std::string> archive_of(const std::vector<injected_file>& files, const std::string& user);

/// What `make_attempt_files` has made.
struct attempt_files {
  std::vector<bind_mount> mounts; ///< Output, inputs, peers, `volumeMounts`.
  bool takes_result = false;      ///< There is a folder for the result.
  bool has_peers_file = false;
  std::string archive; ///< For the container's root; empty: none.
};

/// Makes the attempt's folder and all that it needs there. Files below `{{output}}` are written at once, all others
/// go into the archive. Fails with `data_error`, `io_error`, `invalid_argument`.
[[nodiscard]] result<attempt_files> make_attempt_files(const attempt_spec& spec, const docker_pool_config& config,
                                                       const std::string& working_folder);

/// The same for a daemon that does not see this host's disk: no folder but that of the log is made, only files can be
/// had. Fails with `unsupported` if the task has inputs or outputs.
[[nodiscard]] result<attempt_files> make_remote_files(const attempt_spec& spec, const docker_pool_config& config,
                                                      const std::string& working_folder);

/// Where an attempt's result is on this host.
[[nodiscard]] std::filesystem::path result_file(const std::filesystem::path& attempt_folder);

/// Where its log is. Made when its start is sent, it is the record of that as well.
[[nodiscard]] std::filesystem::path log_path(const std::filesystem::path& attempt_folder);

/// Removes what only a running attempt needs: only the output, if there is any, stays.
void tidy_attempt_folder(const std::filesystem::path& folder);

/// Whether an output may be written where its URL says, wherever links lead now; `invalid_argument` if not.
[[nodiscard]] result<void> may_publish(const spec::output& output, const docker_pool_config& config);

/// The URLs of the task's outputs with tokens replaced.
[[nodiscard]] std::vector<spec::output> located_outputs(const attempt_spec& spec);

} // namespace muster::docker
