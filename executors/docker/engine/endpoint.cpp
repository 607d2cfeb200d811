#include "executors/docker/engine/endpoint.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include <nlohmann/json.hpp>

namespace muster::docker {

namespace {

namespace fs = std::filesystem;

constexpr std::uint16_t plain_port = 2375;
constexpr std::uint16_t tls_port = 2376;
constexpr std::uintmax_t largest_config = 16U << 20U;
constexpr int most_contexts = 10'000;

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// A variable; an empty one is as good as none.
std::string value_of(const environment_lookup& env, const std::string& name) {
  return env(name).value_or(std::string{});
}

error bad_endpoint(std::string_view text, const std::string& why) {
  return {ec::invalid_argument,
          "'" + std::string(text) + "' is no Docker endpoint: " + why + "; use unix:///path or tcp://host:port"};
}

result<endpoint> parse_socket(std::string_view text, std::string_view path) {
  if (path.empty() || path.front() != '/')
    return bad_endpoint(text, "the path of a socket must be absolute");
  // sockaddr_un holds 108 bytes with the NUL at the end.
  if (path.size() > 107)
    return bad_endpoint(text, "the path of a socket may have at most 107 bytes");
  endpoint where;
  where.socket = path;
  return where;
}

/// Digits after a colon.
std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc{} || end != text.data() + text.size() || port == 0)
    return std::nullopt;
  return port;
}

bool is_host(std::string_view host) {
  return host.find_first_of("/?#@[]% \t\r\n\\") == std::string_view::npos;
}

result<endpoint> parse_tcp(std::string_view text, std::string_view address, std::optional<tls_material> tls) {
  if (!address.empty() && address.back() == '/')
    address.remove_suffix(1);
  endpoint where;
  where.port = tls ? tls_port : plain_port;
  std::string_view port;
  if (!address.empty() && address.front() == '[') {
    const auto end = address.find(']');
    if (end == std::string_view::npos)
      return bad_endpoint(text, "the ']' after the address is missing");
    where.host = address.substr(1, end - 1);
    address.remove_prefix(end + 1);
    if (!address.empty() && address.front() != ':')
      return bad_endpoint(text, "after ']' there may only be a port");
    port = address.empty() ? address : address.substr(1);
  } else {
    const auto colon = address.find(':');
    where.host = address.substr(0, colon);
    if (colon != std::string_view::npos)
      port = address.substr(colon + 1);
    if (where.host.empty())
      where.host = "127.0.0.1";
  }
  if (where.host.empty() || !is_host(where.host))
    return bad_endpoint(text, "that is no host");
  if (!port.empty()) {
    const auto number = parse_port(port);
    if (!number)
      return bad_endpoint(text, "'" + std::string(port) + "' is no port");
    where.port = *number;
  }
  where.tls = std::move(tls);
  return where;
}

result<nlohmann::json> read_json(const fs::path& file) {
  std::error_code problem;
  const auto size = fs::file_size(file, problem);
  if (problem)
    return error{ec::io_error, "cannot read " + file.string() + ": " + problem.message()};
  if (size > largest_config)
    return error{ec::invalid_argument, file.string() + " is too large for a configuration of Docker"};
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    return error{ec::invalid_argument, file.string() + " is not a JSON object"};
  return json;
}

std::string text_at(const nlohmann::json& json, const char* key) {
  const auto it = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && it != json.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

/// The certificates of `folder` as far as they are there; nothing if none is.
std::optional<tls_material> certificates(const fs::path& folder, bool verify) {
  tls_material material;
  material.verify = verify;
  std::error_code ignored;
  bool any = false;
  const auto take = [&](fs::path& to, const char* name) {
    if (!fs::exists(folder / name, ignored))
      return;
    to = folder / name;
    any = true;
  };
  take(material.ca, "ca.pem");
  take(material.cert, "cert.pem");
  take(material.key, "key.pem");
  return any ? std::optional(material) : std::nullopt;
}

/// What DOCKER_TLS_VERIFY and its like ask for.
std::optional<tls_material> tls_of_environment(const environment_lookup& env) {
  const bool verify = !value_of(env, "DOCKER_TLS_VERIFY").empty();
  if (!verify && value_of(env, "DOCKER_TLS").empty())
    return std::nullopt;
  const auto path = value_of(env, "DOCKER_CERT_PATH");
  auto material = certificates(path.empty() ? docker_config_folder(env) : fs::path(path), verify);
  if (!material) {
    material.emplace();
    material->verify = verify;
  }
  return material;
}

result<endpoint> endpoint_of_meta(const std::string& name, const fs::path& contexts, const std::string& id,
                                  const nlohmann::json& meta) {
  const auto endpoints = meta.find("Endpoints");
  const auto docker = endpoints != meta.end() && endpoints->is_object() ? endpoints->find("docker") : meta.end();
  const bool found = endpoints != meta.end() && endpoints->is_object() && docker != endpoints->end();
  const auto host = found ? text_at(*docker, "Host") : std::string{};
  if (host.empty())
    return error{ec::invalid_argument, "the Docker context '" + name + "' has no endpoint"};
  const auto skip = docker->find("SkipTLSVerify");
  const bool verify = skip == docker->end() || !skip->is_boolean() || !skip->get<bool>();
  auto where = parse_endpoint(host, certificates(contexts / "tls" / id / "docker", verify));
  if (!where)
    return error{where.failure().code, "Docker context '" + name + "': " + where.failure().message};
  where->origin = "context '" + name + "'";
  return where;
}

/// Its folder is the SHA-256 of its name; the name inside tells as much.
result<endpoint> endpoint_of_context(const fs::path& config, const std::string& name) {
  const auto contexts = config / "contexts";
  std::error_code problem;
  int seen = 0;
  for (fs::directory_iterator it(contexts / "meta", problem), end; !problem && it != end; it.increment(problem)) {
    if (++seen > most_contexts)
      break;
    const auto meta = read_json(it->path() / "meta.json");
    if (meta && text_at(*meta, "Name") == name)
      return endpoint_of_meta(name, contexts, it->path().filename().string(), *meta);
  }
  return error{ec::not_found,
               "there is no Docker context '" + name + "' in " + contexts.string() + "; see `docker context ls`"};
}

/// The context that the docker command would use; empty for none.
result<std::string> current_context(const environment_lookup& env, const fs::path& config) {
  if (auto name = value_of(env, "DOCKER_CONTEXT"); !name.empty())
    return name;
  std::error_code ignored;
  if (config.empty() || !fs::exists(config / "config.json", ignored))
    return std::string{};
  const auto json = read_json(config / "config.json");
  if (!json)
    return json.failure();
  return text_at(*json, "currentContext");
}

endpoint default_endpoint(const environment_lookup& env, const fs::path& default_socket) {
  endpoint where;
  where.socket = default_socket;
  where.origin = "default";
  std::error_code ignored;
  if (fs::exists(default_socket, ignored))
    return where;
  const auto runtime = value_of(env, "XDG_RUNTIME_DIR");
  if (!runtime.empty() && fs::exists(fs::path(runtime) / "docker.sock", ignored)) {
    where.socket = fs::path(runtime) / "docker.sock";
    where.origin = "rootless";
  }
  return where;
}

} // namespace

std::string to_string(const endpoint& where) {
  if (where.is_unix())
    return "unix://" + where.socket.string();
  const bool six = where.host.find(':') != std::string::npos;
  return "tcp://" + (six ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

result<endpoint> parse_endpoint(std::string_view text, std::optional<tls_material> tls) {
  for (const auto* scheme : {"ssh://", "npipe://", "fd://"})
    if (starts_with(text, scheme))
      return error{ec::unsupported, "'" + std::string(text) + "': " + std::string(scheme) +
                                        " is not supported; use unix:///path or tcp://host:port" +
                                        (scheme[0] == 's' ? ", for example through a tunnel: ssh -L "
                                                            "/tmp/docker.sock:/var/run/docker.sock HOST"
                                                          : "")};
  if (starts_with(text, "unix://"))
    return parse_socket(text, text.substr(7));
  if (starts_with(text, "tcp://"))
    return parse_tcp(text, text.substr(6), std::move(tls));
  if (starts_with(text, "/"))
    return parse_socket(text, text);
  return bad_endpoint(text, text.empty() ? "it is empty" : "its scheme is not known");
}

environment_lookup process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const auto* value = std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe): nobody changes the environment
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

fs::path docker_config_folder(const environment_lookup& env) {
  if (auto folder = value_of(env, "DOCKER_CONFIG"); !folder.empty())
    return folder;
  const auto home = value_of(env, "HOME");
  return home.empty() ? fs::path{} : fs::path(home) / ".docker";
}

result<endpoint> find_endpoint(const environment_lookup& env, std::string_view explicit_host,
                               const fs::path& default_socket) {
  const auto host = explicit_host.empty() ? value_of(env, "DOCKER_HOST") : std::string(explicit_host);
  if (!host.empty()) {
    auto where = parse_endpoint(host, tls_of_environment(env));
    const std::string origin = explicit_host.empty() ? "DOCKER_HOST" : "given";
    if (!where)
      return error{where.failure().code, (explicit_host.empty() ? "DOCKER_HOST: " : "") + where.failure().message};
    where->origin = origin;
    return where;
  }
  const auto config = docker_config_folder(env);
  const auto context = current_context(env, config);
  if (!context)
    return context.failure();
  if (context->empty() || *context == "default")
    return default_endpoint(env, default_socket);
  return endpoint_of_context(config, *context);
}

} // namespace muster::docker
