#include "executors/process/environment.hpp"

#include <array>
#include <variant>

#include <sys/stat.h>
#include <unistd.h>

extern char** environ;

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

std::string joined(const std::vector<std::uint32_t>& numbers) {
  std::string out;
  for (const auto n : numbers)
    out += (out.empty() ? "" : ",") + std::to_string(n);
  return out;
}

std::string_view trimmed(std::string_view x) {
  while (!x.empty() && x.front() == ' ')
    x.remove_prefix(1);
  while (!x.empty() && x.back() == ' ')
    x.remove_suffix(1);
  return x;
}

} // namespace

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

std::string replace_tokens(std::string_view text, const environment_map& values) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find("{{");
    const auto close = open == std::string_view::npos ? open : text.find("}}", open);
    if (close == std::string_view::npos)
      break;
    const auto inner_open = text.rfind("{{", close);
    const auto key = trimmed(text.substr(inner_open + 2, close - inner_open - 2));
    const auto value = values.find(std::string{key});
    out.append(text.substr(0, inner_open));
    if (value != values.end())
      out.append(value->second);
    else
      out.append(text.substr(inner_open, close + 2 - inner_open));
    text.remove_prefix(close + 2);
  }
  return out.append(text);
}

environment_map token_values(const attempt_spec& spec) {
  environment_map out;
  const auto folder = spec.folder.string();
  out["output"] = folder + "/output";
  out["workflow_id"] = spec.workflow_id;
  for (const auto& [task, address] : spec.peers)
    out["host:" + task] = address;
  for (std::size_t n = 0; n < spec.inputs.size(); ++n) {
    const auto place = folder + "/input/" + std::to_string(n);
    out["input:" + std::to_string(n)] = place;
    if (!spec.inputs[n].task.empty())
      out.emplace("input:" + spec.inputs[n].task, place);
  }
  return out;
}

environment_map environment_of(const attempt_spec& spec, const environment_map& inherited,
                               const environment_map& tokens, bool gpus_declared) {
  auto out = inherited;
  if (!spec.gpus.empty()) {
    out["CUDA_VISIBLE_DEVICES"] = out["NVIDIA_VISIBLE_DEVICES"] = joined(spec.gpus);
  } else if (gpus_declared) {
    out["CUDA_VISIBLE_DEVICES"] = "";
    out["NVIDIA_VISIBLE_DEVICES"] = "void";
  }
  for (const auto& [key, value] : spec.task.environment)
    out[key] = replace_tokens(value, tokens);
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
