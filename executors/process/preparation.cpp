#include "executors/process/preparation.hpp"

#include "executors/data/folders.hpp"
#include "executors/data/results.hpp"
#include "executors/process/warden/holder.hpp"
#include "muster/base/posix.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::process {

namespace {

/// Inputs that are one link each and are made without a word to the worker.
constexpr std::size_t most_quick_inputs = 8;

/// Makes `path` with its parents, unless it is there.
result<void> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST)
    return {};
  if (errno != ENOENT)
    return os_error("cannot make the folder " + path, errno);
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), failed);
  if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    return os_error("cannot make the folder " + path, errno);
  return {};
}

result<std::optional<folder_pool::marks>> make_folders(const attempt_spec& spec, folder_pool* spares) {
  std::optional<folder_pool::marks> before;
  const auto folder = spec.folder.string();
  const auto log = folder + ".log";
  if (::access(log.c_str(), F_OK) == 0)
    return error{ec::conflict, "attempt " + to_string(spec.id) + " was started before: " + log + " exists"};
  if (spares != nullptr)
    if (const auto taken = spares->take(folder); taken.moved)
      return taken.before;
  for (const auto* name : {"", "/work", "/output"})
    if (auto made = make_folder(folder + name); !made)
      return made.failure();
  return before;
}

result<void> write_peers(const attempt_spec& spec) {
  if (spec.peers.size() < 2)
    return {};
  const auto path = spec.folder.string() + "/peers.json";
  const unique_fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (!file || !write_all(file.get(), nlohmann::json(spec.peers).dump() + "\n"))
    return os_error("cannot write " + path, errno);
  return {};
}

bool holds_zero(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

/// Whether nothing comes before it whose work it might need.
bool is_first_of_all(const attempt_spec& spec) {
  return spec.id.number == 0 && spec.inputs.empty() && spec.results.empty();
}

found_command look_up(const attempt_spec& spec, const std::string& name, const std::string& path, command_memo* memo) {
  return memo != nullptr && is_first_of_all(spec) ? memo->find(name, path, std::chrono::steady_clock::now())
                                                  : find_command(name, path);
}

result<void> fill_command(wire::start_request& to, const attempt_spec& spec, const spec::token_values& tokens,
                          const environment_map& environment, command_memo* memo) {
  std::vector<std::string> words;
  for (const auto* list : {&spec.task.command, &spec.task.args})
    for (const auto& word : *list)
      words.push_back(spec::substitute(word, tokens));
  if (spec.task.command.empty())
    return error{ec::invalid_argument, "task '" + spec.task.name +
                                           "' has no command; the process driver runs no image, so it has no default"};
  for (const auto& word : words) {
    if (holds_zero(word))
      return error{ec::invalid_argument, "an argument of task '" + spec.task.name + "' holds a zero byte"};
    to.arguments.add(word);
  }
  auto found = look_up(spec, words.front(), environment.at("PATH"), memo);
  to.program = std::move(found.program);
  to.refuse_code = found.refuse_code;
  to.refuse_text = std::move(found.refuse_text);
  return {};
}

result<void> fill_environment(wire::start_request& to, const attempt_spec& spec, const environment_map& environment) {
  for (const auto& [key, value] : environment) {
    if (key.empty() || key.find('=') != std::string::npos || holds_zero(key) || holds_zero(value))
      return error{ec::invalid_argument, "the environment variable '" + key + "' of task '" + spec.task.name +
                                             "' cannot be set: a name has no '=' and no part a zero byte"};
    to.environment.add(std::string{key}.append(1, '=').append(value));
  }
  return {};
}

std::vector<located_input> linked_inputs(const attempt_spec& spec, const spec::token_values& tokens) {
  auto out = spec.inputs;
  for (auto& x : out)
    x.regex = spec::substitute(x.regex, tokens);
  return out;
}

} // namespace

bool is_slow_to_prepare(const attempt_spec& spec) {
  const auto is_one_link = [](const located_input& x) { return !x.task.empty() && x.regex.empty() && x.parts.empty(); };
  return !spec.task.files.empty() || !spec.results.empty() || spec.inputs.size() > most_quick_inputs ||
         !std::all_of(spec.inputs.begin(), spec.inputs.end(), is_one_link);
}

result<prepared_attempt> prepare_attempt(const attempt_spec& spec, const preparation_context& context,
                                         const preparation_aids& aids) {
  const auto made = make_folders(spec, aids.spares);
  if (!made)
    return made.failure();
  if (const auto written = write_peers(spec); !written)
    return written.failure();
  if (const auto written = data::write_results(spec, results_folder(spec.folder.string())); !written)
    return written.failure();
  if (!spec.task.outputs.empty())
    if (const auto kept = data::keep_outputs(spec, located_outputs(spec)); !kept)
      return kept.failure();
  const auto tokens = tokens_of(spec);
  const auto environment = environment_of(spec, context.inherited, tokens, context.gpus);
  wire::start_request request;
  request.id = spec.id;
  request.folder = spec.folder.string();
  if (const auto filled = fill_command(request, spec, tokens, environment, aids.commands); !filled)
    return filled.failure();
  if (const auto filled = fill_environment(request, spec, environment); !filled)
    return filled.failure();
  if (!spec.inputs.empty())
    if (const auto linked = data::link_inputs(linked_inputs(spec, tokens), spec.folder / "input"); !linked)
      return linked.failure();
  if (wants_sandbox(spec))
    if (const auto ready = set_up_sandbox(request, spec, tokens, environment, *context.sandbox); !ready)
      return ready.failure();
  if (context.most_processes)
    request.limits =
        attempt_limits{spec.resource.memory.value_or(0), spec.resource.cpu.value_or(0), *context.most_processes};
  request.keeps_place = !spec.hands_on || !spec.task.outputs.empty();
  prepared_attempt out;
  wire::write(out.start_frame, request);
  if (out.start_frame.size() > wire::max_frame - wire::following_start_extra)
    return error{ec::limit_exceeded, "command and environment of task '" + spec.task.name + "' are larger than " +
                                         std::to_string(wire::max_frame) + " bytes"};
  out.program = own_program(request);
  out.folder_before = *made;
  return out;
}

std::vector<spec::output> located_outputs(const attempt_spec& spec) {
  auto out = spec.task.outputs;
  const auto tokens = tokens_of(spec);
  for (auto& x : out) {
    x.url = spec::substitute(x.url, tokens);
    x.regex = spec::substitute(x.regex, tokens);
  }
  return out;
}

} // namespace muster::process
