#include "executors/docker/engine/credentials.hpp"

#include "executors/docker/engine/helper_process.hpp"
#include "executors/docker/engine/loop.hpp"
#include "muster/base/base64.hpp"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <system_error>

#include <nlohmann/json.hpp>

namespace muster::docker {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view hub = "docker.io";
constexpr std::string_view hub_server = "https://index.docker.io/v1/";
constexpr std::uintmax_t largest_config = 16U << 20U;

std::string text_at(const nlohmann::json& json, const char* key) {
  if (!json.is_object())
    return {};
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::string encode_base64url(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
      return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
    };
    const auto bits = byte(0) << 16U | byte(1) << 8U | byte(2);
    const auto count = std::min<std::size_t>(bytes.size() - at, 3) + 1;
    for (std::size_t i = 0; i < 4; ++i)
      out.push_back(i < count ? digits[bits >> (18U - 6U * i) & 63U] : '=');
  }
  return out;
}

/// An entry of `auths`: `auth` is base64 of `user:password`; or both are there as they are.
result<credential> read_entry(const std::string& server, const nlohmann::json& entry) {
  credential who;
  who.user = text_at(entry, "username");
  who.password = secret(text_at(entry, "password"));
  who.identity_token = secret(text_at(entry, "identitytoken"));
  const auto auth = text_at(entry, "auth");
  if (auth.empty())
    return who;
  auto plain = decode_base64(auth);
  const auto colon = plain ? plain->find(':') : std::string::npos;
  if (colon == std::string::npos)
    return error{ec::invalid_argument,
                 "the configuration of Docker: `auth` of '" + server + "' is not base64 of user:password"};
  who.user = plain->substr(0, colon);
  auto password = plain->substr(colon + 1);
  // Old versions padded with NULs.
  password.erase(password.find_last_not_of('\0') + 1);
  who.password = secret(std::move(password));
  return who;
}

bool is_usable(const credential& who) {
  return !who.identity_token.empty() || (!who.user.empty() && !who.password.empty());
}

bool is_helper_name(const std::string& name) {
  return !name.empty() && name.size() <= 100 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

/// They are for threads that know what to do with them.
void block_signals() {
  sigset_t all{};
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

/// What a helper prints when it has nothing for the server: not a failure.
bool says_nothing_known(std::string_view output) {
  return output.find("credentials not found") != std::string_view::npos;
}

} // namespace

std::string registry_key(std::string_view server) {
  for (const std::string_view scheme : {"https://", "http://"})
    if (server.substr(0, scheme.size()) == scheme)
      server.remove_prefix(scheme.size());
  const auto host = server.substr(0, server.find('/'));
  if (host == "index.docker.io" || host == "registry-1.docker.io" || host == "registry.hub.docker.com")
    return std::string(hub);
  return std::string(host);
}

std::string helper_server(std::string_view registry) {
  return std::string(registry == hub ? hub_server : registry);
}

result<docker_config> parse_docker_config(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    return error{ec::invalid_argument, "the configuration of Docker is not a JSON object"};
  docker_config out;
  out.default_helper = text_at(json, "credsStore");
  if (const auto auths = json.find("auths"); auths != json.end() && auths->is_object())
    for (const auto& [server, entry] : auths->items()) {
      auto who = read_entry(server, entry);
      if (!who)
        return who.failure();
      // The first counts: Docker Hub's own comes before its `.../access-token`, which is for something else.
      if (is_usable(*who))
        out.auths.emplace(registry_key(server), std::move(*who));
    }
  if (const auto helpers = json.find("credHelpers"); helpers != json.end() && helpers->is_object())
    for (const auto& [server, name] : helpers->items())
      if (name.is_string())
        out.helpers.insert_or_assign(registry_key(server), name.get<std::string>());
  return out;
}

result<docker_config> read_docker_config(const fs::path& folder) {
  const auto file = folder / "config.json";
  std::error_code problem;
  const auto size = fs::file_size(file, problem);
  if (problem == std::errc::no_such_file_or_directory || folder.empty())
    return docker_config{};
  if (problem)
    return error{ec::io_error, "cannot read " + file.string() + ": " + problem.message()};
  if (size > largest_config)
    return error{ec::invalid_argument, file.string() + " is too large for a configuration of Docker"};
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (stream.bad() || (text.empty() && size > 0))
    return error{ec::io_error, "cannot read " + file.string()};
  auto config = parse_docker_config(text);
  if (!config)
    return error{config.failure().code, file.string() + ": " + config.failure().message};
  return config;
}

result<std::optional<credential>> ask_helper(const std::string& helper, const std::string& server,
                                             std::chrono::milliseconds deadline) {
  if (!is_helper_name(helper))
    return error{ec::invalid_argument, "the configuration of Docker names '" + one_line(helper, 100) +
                                           "' as a credential helper, which cannot be one"};
  const auto program = "docker-credential-" + helper;
  const auto run = run_helper({program, "get"}, server, deadline);
  if (!run)
    return run.failure();
  // What it wrote is never part of a message: it may be the secret.
  if (run->exit_code != 0) {
    if (says_nothing_known(run->output))
      return std::optional<credential>{};
    return error{ec::unavailable, program + " could not give credentials for '" + server + "': it ended with code " +
                                      std::to_string(run->exit_code)};
  }
  const auto json = nlohmann::json::parse(run->output, nullptr, false);
  credential who;
  who.user = text_at(json, "Username");
  if (who.user == "<token>") {
    who.user.clear();
    who.identity_token = secret(text_at(json, "Secret"));
  } else {
    who.password = secret(text_at(json, "Secret"));
  }
  if (!is_usable(who))
    return error{ec::unavailable, program + " gave no credentials for '" + server + "'"};
  return std::optional(std::move(who));
}

secret registry_auth(const credential& who, std::string_view registry) {
  nlohmann::json json{{"serveraddress", helper_server(registry)}};
  if (!who.identity_token.empty())
    json["identitytoken"] = who.identity_token.reveal();
  else
    json.update({{"username", who.user}, {"password", who.password.reveal()}});
  return secret(encode_base64url(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

credential_finder::credential_finder(loop& on, fs::path folder, std::chrono::milliseconds helper_deadline)
    : loop_(on), folder_(std::move(folder)), deadline_(helper_deadline), thread_([this] { work(); }) {}

credential_finder::~credential_finder() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void credential_finder::find(std::string registry, std::function<void(result<secret>)> then) {
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back({std::move(registry), std::move(then)});
  }
  changed_.notify_one();
}

void credential_finder::work() {
  block_signals();
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ends_ || !questions_.empty(); });
    if (ends_)
      return;
    auto next = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    loop_.post([then = std::move(next.then), found = answer(next.registry)] { then(found); });
  }
}

result<secret> credential_finder::answer(const std::string& registry) const {
  const auto config = read_docker_config(folder_);
  if (!config)
    return config.failure();
  const auto own = config->helpers.find(registry);
  const auto& helper = own != config->helpers.end() ? own->second : config->default_helper;
  if (!helper.empty()) {
    const auto who = ask_helper(helper, helper_server(registry), deadline_);
    if (!who)
      return who.failure();
    if (*who)
      return registry_auth(**who, registry);
  }
  const auto who = config->auths.find(registry);
  return who == config->auths.end() ? secret{} : registry_auth(who->second, registry);
}

} // namespace muster::docker
