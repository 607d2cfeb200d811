#include "executors/docker/attempt_files.hpp"

#include "executors/data/folders.hpp"
#include "executors/data/results.hpp"
#include "executors/docker/engine/tar.hpp"
#include "muster/base/base64.hpp"
#include "muster/spec/storage_url.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <system_error>

#include <sys/stat.h>

namespace muster::docker {

namespace fs = std::filesystem;

namespace {

error cannot(const std::string& what, const fs::path& path, const std::error_code& why) {
  return {ec::io_error, "cannot " + what + ' ' + path.string() + ": " + why.message()};
}

error bad_place(const std::string& path, const std::string& why) {
  return {ec::data_error, "a file cannot be put at '" + path + "': " + why};
}

result<void> make_folder(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed)
    return cannot("make the folder", path, failed);
  return {};
}

result<void> write_file(const fs::path& path, const std::string& content, mode_t mode) {
  std::error_code failed;
  fs::remove(path, failed);
  std::ofstream out(path, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out || ::chmod(path.c_str(), mode) != 0)
    return error{ec::io_error, "cannot write " + path.string()};
  return {};
}

bool is_script(const std::string& content) {
  return content.compare(0, 2, "#!") == 0;
}

mode_t mode_of(const std::string& content) {
  return is_script(content) ? 0755 : 0644;
}

/// The path from the root, without `.` and empty parts.
result<std::string> place_of(const std::string& written, const std::string& working_folder) {
  if (written.empty() || written.back() == '/' || written.find('\0') != std::string::npos)
    return bad_place(written, "expected the path of a file");
  const fs::path path = written.front() == '/' ? fs::path{written} : fs::path{"/" + working_folder} / written;
  if (std::any_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; }))
    return bad_place(written, "expected a path without '..'");
  auto out = path.lexically_normal().lexically_relative("/").string();
  while (!out.empty() && out.front() == '/')
    out.erase(0, 1);
  if (out.empty() || out == ".")
    return bad_place(written, "expected the path of a file");
  return out;
}

std::uint32_t number_or_zero(std::string_view text) {
  std::uint32_t out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc{} && end == text.data() + text.size() ? out : 0;
}

/// The place of a file on this host, if it lies below the output; it must not be reached by a link.
result<void> write_own(const injected_file& file, const std::string& inside, const fs::path& output) {
  const auto place = output / inside;
  if (auto made = make_folder(place.parent_path()); !made)
    return made;
  std::error_code failed;
  const auto real = fs::weakly_canonical(place.parent_path(), failed).lexically_relative(fs::weakly_canonical(output));
  if (failed || real.empty() || *real.begin() == "..")
    return bad_place('/' + file.path, "its folder cannot be made");
  return write_file(place, file.content, mode_of(file.content));
}

/// Writes those that lie in the output, and drops them from `files`.
result<void> write_output_files(std::vector<injected_file>& files, const fs::path& output) {
  const auto prefix = std::string(output_path).substr(1) + '/';
  for (auto it = files.begin(); it != files.end();) {
    if (it->path.compare(0, prefix.size(), prefix) != 0) {
      ++it;
      continue;
    }
    if (auto written = write_own(*it, it->path.substr(prefix.size()), output); !written)
      return written;
    it = files.erase(it);
  }
  return {};
}

/// Parts of an input that are mounts of their own; of more, each file is linked into one folder. With a regex the files
/// are chosen, and so linked, in any case.
constexpr std::size_t most_mounted_parts = 16;

bool are_linked(const located_input& x) {
  const auto is_deep = [](const auto& part) { return part.first.find('/') != std::string::npos; };
  return x.parts.size() > most_mounted_parts || (!x.parts.empty() && !x.regex.empty()) ||
         std::any_of(x.parts.begin(), x.parts.end(), is_deep);
}

/// Mounts what the links in `place` lead to; false if there are none.
bool mount_parts(attempt_files& to, const fs::path& place, std::size_t input) {
  bool any = false;
  std::error_code failed;
  for (fs::directory_iterator at{place, failed}, end; !failed && at != end; at.increment(failed)) {
    std::error_code ignored;
    to.mounts.push_back({fs::canonical(at->path(), ignored).string(),
                         std::string(input_path) + '/' + std::to_string(input) + '/' + at->path().filename().string(),
                         true});
    any = true;
  }
  return any;
}

result<void> add_inputs(attempt_files& to, const attempt_spec& spec, const spec::token_values& tokens) {
  if (spec.inputs.empty())
    return {};
  auto inputs = spec.inputs;
  for (auto& x : inputs)
    x.regex = spec::substitute(x.regex, tokens);
  const auto folder = spec.folder / "input";
  const bool many = std::any_of(inputs.begin(), inputs.end(), are_linked);
  if (auto linked =
          data::link_inputs(inputs, folder, many ? data::parts_as::hard_links : data::parts_as::links_to_folders);
      !linked)
    return linked;
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    const auto place = folder / std::to_string(n);
    if (!inputs[n].parts.empty() && !many && mount_parts(to, place, n))
      continue;
    std::error_code failed;
    const auto real = fs::canonical(place, failed);
    if (failed)
      return cannot("find the input", place, failed);
    to.mounts.push_back({real.string(), std::string(input_path) + '/' + std::to_string(n), true});
  }
  return {};
}

result<void> add_peers(attempt_files& to, const attempt_spec& spec) {
  if (spec.peers.size() < 2)
    return {};
  const auto path = spec.folder / "peers.json";
  if (auto written = write_file(path, nlohmann::json(spec.peers).dump() + "\n", 0644); !written)
    return written;
  to.mounts.push_back({path.string(), peers_path, true});
  to.has_peers_file = true;
  return {};
}

/// Whether a path lies in one of these folders, wherever links lead.
bool lies_below(const fs::path& path, const std::vector<fs::path>& folders) {
  std::error_code failed;
  const auto real = fs::weakly_canonical(path, failed);
  const auto holds = [&](const fs::path& folder) {
    std::error_code ignored;
    const auto relative = real.lexically_relative(fs::weakly_canonical(folder, ignored));
    return !relative.empty() && *relative.begin() != "..";
  };
  return !failed && std::any_of(folders.begin(), folders.end(), holds);
}

error not_permitted(const std::string& what, const fs::path& path) {
  return {ec::invalid_argument, what + " is not in a folder that this pool permits; `permissions: {mounts: [" +
                                    path.parent_path().string() + "]}` of the pool in the configuration permits it"};
}

/// What `file://` URLs name.
result<void> check_file_urls(const attempt_spec& spec, const docker_pool_config& config) {
  if (!config.confine_files)
    return {};
  for (const auto& input : spec.inputs)
    if (input.task.empty() && input.parts.empty() && !lies_below(input.source, config.permissions.mounts))
      return not_permitted("the input file://" + input.source.string(), input.source);
  for (const auto& output : located_outputs(spec))
    if (auto may = may_publish(output, config); !may)
      return may;
  return {};
}

/// A link below a permitted folder must not lead out of it.
result<void> add_volumes(attempt_files& to, const attempt_spec& spec, const spec::token_values& tokens,
                         const std::vector<fs::path>& permitted) {
  const auto mounts = volume_mounts_of(spec.task, tokens);
  if (!mounts)
    return mounts.failure();
  for (const auto& x : *mounts) {
    if (!lies_below(x.source, permitted)) {
      std::error_code ignored;
      return error{ec::invalid_argument, "the volume mount " + x.source + " of task '" + spec.task.name +
                                             "' leads to " + fs::weakly_canonical(x.source, ignored).string() +
                                             ", which this pool does not permit"};
    }
    to.mounts.push_back(x);
  }
  return {};
}

/// A folder that is writable for whoever the container runs as.
result<void> add_writable(attempt_files& to, const fs::path& folder, const char* target) {
  if (auto made = make_folder(folder); !made)
    return made;
  if (::chmod(folder.c_str(), 0777) != 0)
    return cannot("change the mode of", folder, {errno, std::generic_category()});
  to.mounts.push_back({folder.string(), target, false});
  return {};
}

result<void> add_output(attempt_files& to, const attempt_spec& spec) {
  return add_writable(to, spec.folder / "output", output_path);
}

/// A place for its own result, and those of others.
result<void> add_results(attempt_files& to, const attempt_spec& spec) {
  if (auto made = add_writable(to, result_file(spec.folder).parent_path(), result_path); !made)
    return made;
  to.takes_result = true;
  const auto folder = spec.folder / "results";
  if (auto written = data::write_results(spec, folder); !written)
    return written;
  if (!spec.results.empty())
    to.mounts.push_back({folder.string(), results_path, true});
  return {};
}

/// Whether a text names the variable of the task's own result; that of the others' begins likewise.
bool names_result(const std::string& text) {
  constexpr std::string_view name = "MUSTER_RESULT";
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1))
    if (at + name.size() == text.size() || text[at + name.size()] != 'S')
      return true;
  return false;
}

bool uses_output(const attempt_spec& spec) {
  const auto mentions = [](const std::string& text) {
    return text.find("{{output}}") != std::string::npos || text.find(output_path) != std::string::npos ||
           names_result(text);
  };
  const auto& task = spec.task;
  return !task.outputs.empty() || std::any_of(task.command.begin(), task.command.end(), mentions) ||
         std::any_of(task.args.begin(), task.args.end(), mentions) ||
         std::any_of(task.environment.begin(), task.environment.end(),
                     [&](const auto& x) { return mentions(x.second); }) ||
         std::any_of(task.files.begin(), task.files.end(),
                     [&](const auto& x) { return mentions(x.contents) || mentions(x.path); });
}

} // namespace

result<std::vector<injected_file>> injected_files(const attempt_spec& spec, const spec::token_values& tokens,
                                                  const std::string& working_folder) {
  std::vector<injected_file> out;
  for (const auto& file : spec.task.files) {
    const auto written = spec::substitute(file.path, tokens);
    auto place = place_of(written, working_folder);
    if (!place)
      return place.failure();
    injected_file x{*std::move(place), {}};
    if (file.base64) {
      auto decoded = decode_base64(file.contents);
      if (!decoded)
        return error{ec::data_error, "the contents of the file '" + written + "': " + decoded.failure().message};
      x.content = *std::move(decoded);
    } else {
      x.content = spec::substitute(file.contents, tokens);
    }
    out.push_back(std::move(x));
  }
  return out;
}

result<std::string> archive_of(const std::vector<injected_file>& files, const std::string& user) {
  if (files.empty())
    return std::string{};
  const auto colon = user.find(':');
  tar_writer tar;
  for (const auto& x : files) {
    tar_writer::attributes how;
    how.mode = mode_of(x.content);
    how.uid = number_or_zero(std::string_view(user).substr(0, colon));
    how.gid = colon == std::string::npos ? 0 : number_or_zero(std::string_view(user).substr(colon + 1));
    if (const auto added = tar.add_file(x.path, x.content, how); !added)
      return error{ec::data_error, added.failure().message};
  }
  return std::move(tar).finish();
}

result<attempt_files> make_attempt_files(const attempt_spec& spec, const docker_pool_config& config,
                                         const std::string& working_folder) {
  if (auto may = check_file_urls(spec, config); !may)
    return may.failure();
  const auto tokens = container_tokens(spec);
  attempt_files out;
  auto files = injected_files(spec, tokens, working_folder);
  if (!files)
    return files.failure();
  for (const auto& step :
       {add_output(out, spec), write_output_files(*files, spec.folder / "output"), add_inputs(out, spec, tokens),
        add_peers(out, spec), add_results(out, spec), add_volumes(out, spec, tokens, config.permissions.mounts)})
    if (!step)
      return step.failure();
  if (auto kept = data::keep_outputs(spec, located_outputs(spec)); !kept)
    return kept.failure();
  auto archive = archive_of(*files, user_of(config.user));
  if (!archive)
    return archive.failure();
  out.archive = *std::move(archive);
  return out;
}

result<attempt_files> make_remote_files(const attempt_spec& spec, const docker_pool_config& config,
                                        const std::string& working_folder) {
  if (!spec.inputs.empty() || uses_output(spec))
    return error{ec::unsupported,
                 "task '" + spec.task.name +
                     "' has inputs, outputs or a result, and the Docker daemon of this pool does not share this "
                     "host's disk; carrying data to such daemons is not supported yet"};
  if (auto made = make_folder(spec.folder.parent_path()); !made) // For the log.
    return made.failure();
  const auto tokens = container_tokens(spec);
  attempt_files out;
  auto files = injected_files(spec, tokens, working_folder);
  if (!files)
    return files.failure();
  if (spec.peers.size() > 1) {
    files->push_back({std::string(peers_path).substr(1), nlohmann::json(spec.peers).dump() + "\n"});
    out.has_peers_file = true;
  }
  for (const auto& [name, text] : spec.results)
    files->push_back({std::string(results_path).substr(1) + '/' + name + ".json", (text ? *text : "null") + "\n"});
  auto mounts = volume_mounts_of(spec.task, tokens);
  if (!mounts)
    return mounts.failure();
  out.mounts = *std::move(mounts);
  auto archive = archive_of(*files, user_of(config.user));
  if (!archive)
    return archive.failure();
  out.archive = *std::move(archive);
  return out;
}

fs::path result_file(const fs::path& attempt_folder) {
  return attempt_folder / "result" / result_name;
}

fs::path log_path(const fs::path& attempt_folder) {
  return attempt_folder.string() + ".log";
}

void tidy_attempt_folder(const fs::path& folder) {
  std::error_code ignored;
  for (const auto* name : {"input", "result", "results"})
    fs::remove_all(folder / name, ignored);
  for (const auto* name : {"peers.json", data::kept_outputs_name})
    fs::remove(folder / name, ignored);
  if (data::is_empty_folder(folder / "output"))
    fs::remove(folder / "output", ignored);
  fs::remove(folder, ignored); // If nothing is left.
}

result<void> may_publish(const spec::output& output, const docker_pool_config& config) {
  const auto path = spec::parse_file_url(output.url);
  if (!config.confine_files || !path || lies_below(*path, config.permissions.mounts))
    return {}; // What is no URL is refused when it is used.
  return not_permitted("the output " + output.url, *path);
}

std::vector<spec::output> located_outputs(const attempt_spec& spec) {
  auto out = spec.task.outputs;
  const auto tokens = container_tokens(spec);
  for (auto& x : out) {
    x.url = spec::substitute(x.url, tokens);
    x.regex = spec::substitute(x.regex, tokens);
  }
  return out;
}

} // namespace muster::docker
