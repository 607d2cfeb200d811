#include "executors/process/environment.hpp"

#include <array>

#include <sys/stat.h>
#include <unistd.h>

namespace muster::process {

namespace {

constexpr std::array<std::string_view, 24> inherited_names{
    "PATH",        "HOME",      "USER",      "LOGNAME",       "SHELL",           "LANG",
    "LANGUAGE",    "TERM",      "TZ",        "TMPDIR",        "LD_LIBRARY_PATH", "HTTP_PROXY",
    "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",      "http_proxy",      "https_proxy",
    "ftp_proxy",   "all_proxy", "no_proxy",  "SSL_CERT_FILE", "SSL_CERT_DIR",    "XDG_RUNTIME_DIR"};
constexpr std::string_view default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool is_inherited(std::string_view name) {
  for (const auto& x : inherited_names)
    if (x == name)
      return true;
  return name.substr(0, 3) == "LC_";
}

/// Of all of `leased` the UUIDs, else the indices: both in one list mean nothing to CUDA.
std::string names_of(const std::vector<std::uint32_t>& leased, const visible_gpus& gpus) {
  std::string numbers;
  std::string uuids;
  bool known = true;
  for (const auto n : leased) {
    const auto found = gpus.uuids.find(n);
    known = known && found != gpus.uuids.end();
    numbers += (numbers.empty() ? "" : ",") + std::to_string(n);
    if (known)
      uuids += (uuids.empty() ? "" : ",") + found->second;
  }
  return known ? uuids : numbers;
}

void add_gpus(environment_map& out, const std::vector<std::uint32_t>& leased, const visible_gpus& gpus) {
  if (!leased.empty()) {
    out["CUDA_VISIBLE_DEVICES"] = out["NVIDIA_VISIBLE_DEVICES"] = names_of(leased, gpus);
    out["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"; // As the indices count.
  } else if (gpus.are_shared_out) {
    out["CUDA_VISIBLE_DEVICES"] = "";
    out["NVIDIA_VISIBLE_DEVICES"] = "void";
  }
}

} // namespace

std::string result_file(const std::string& attempt_folder) {
  return attempt_folder + "/result.json";
}

std::string results_folder(const std::string& attempt_folder) {
  return attempt_folder + "/results";
}

environment_map inherited_environment() {
  environment_map out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry{*at};
    const auto equals = entry.find('=');
    if (equals != std::string_view::npos && is_inherited(entry.substr(0, equals)))
      out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  out.emplace("PATH", default_path);
  return out;
}

spec::token_values tokens_of(const attempt_spec& spec) {
  const auto folder = spec.folder.string();
  spec::token_values out{{"output", folder + "/output"}, {"workflow_id", spec.workflow_id}};
  for (const auto& [task, address] : spec.peers)
    out["host:" + task] = address;
  std::vector<std::string> inputs;
  for (std::size_t n = 0; n < spec.task.inputs.size(); ++n)
    inputs.push_back(folder + "/input/" + std::to_string(n));
  spec::add_input_tokens(out, spec.task, inputs);
  out.insert(spec.tokens.begin(), spec.tokens.end());
  return out;
}

environment_map environment_of(const attempt_spec& spec, const environment_map& inherited,
                               const spec::token_values& tokens, const visible_gpus& gpus) {
  auto out = inherited;
  add_gpus(out, spec.gpus, gpus);
  for (const auto& [key, value] : spec.environment)
    out[key] = value;
  for (const auto& [key, value] : spec.task.environment)
    out[spec::substitute(key, tokens)] = spec::substitute(value, tokens);
  const auto folder = spec.folder.string();
  out["MUSTER_WORKFLOW_ID"] = spec.workflow_id;
  out["MUSTER_GROUP"] = spec.group;
  out["MUSTER_TASK"] = spec.task.name;
  out["MUSTER_ATTEMPT"] = std::to_string(spec.id.number);
  out["MUSTER_ATTEMPT_ID"] = to_string(spec.id);
  out["MUSTER_ATTEMPT_FOLDER"] = folder;
  out["MUSTER_ADDRESS"] = spec.address;
  out["MUSTER_LEAD"] = spec.task.lead || spec.peers.size() < 2 ? "1" : "0";
  out["MUSTER_INPUT"] = folder + "/input";
  out["MUSTER_OUTPUT"] = folder + "/output";
  out["MUSTER_RESULT"] = result_file(folder);
  out["MUSTER_RESULTS"] = results_folder(folder);
  if (spec.peers.size() > 1)
    out["MUSTER_PEERS"] = folder + "/peers.json";
  return out;
}

found_command find_command(const std::string& name, std::string_view path) {
  if (name.empty())
    return {{}, 127, "the command is empty"};
  if (name.find('/') != std::string::npos)
    return {name, 0, {}};
  bool found_some_file = false;
  while (!path.empty()) {
    const auto folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
    auto candidate = (folder.empty() ? "." : std::string{folder}) + '/' + name;
    struct stat facts {};
    if (::stat(candidate.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode))
      continue;
    if (::access(candidate.c_str(), X_OK) == 0)
      return {std::move(candidate), 0, {}};
    found_some_file = true;
  }
  if (found_some_file)
    return {{}, 126, "command '" + name + "' is found in PATH but is not executable"};
  return {{}, 127, "command '" + name + "' is not found in PATH"};
}

} // namespace muster::process
