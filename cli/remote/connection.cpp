#include "cli/remote/connection.hpp"

#include "cli/commands/listing.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/local_api.hpp"
#include "cli/serve/first_token.hpp"
#include "cli/serve/head_file.hpp"
#include "cli/suggest.hpp"
#include "gateway/client/http_client.hpp"
#include "muster/config/file.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <unistd.h>
#include <utility>
#include <vector>

namespace muster::cli {

namespace {

const char* environment(const char* name) {
  const auto* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

/// An address, and what goes with it.
struct target {
  std::string address;
  std::string origin; ///< What named it, unless the user just did.
  std::filesystem::path token_file;
  std::filesystem::path ca;
  std::filesystem::path own_token{}; ///< What counts if nobody names a token.
};

result<config::client_settings> read_contexts(const std::string& file) {
  const auto read = config::load_user(file, environment);
  if (read.ok())
    return read.value->client;
  return {ec::invalid_argument, "the configuration file is wrong: " + read.errors.front().file + ':' +
                                    std::to_string(read.errors.front().line) + ": " + read.errors.front().message};
}

result<target> of_context(const std::string& name, const config::client_settings& known) {
  const auto found = known.contexts.find(name);
  if (found != known.contexts.end())
    return target{found->second.address, "the context " + name, found->second.token_file, found->second.ca};
  std::vector<std::string> names;
  for (const auto& [other, settings] : known.contexts)
    names.push_back(other);
  return {ec::not_found, "there is no context '" + name + "'" + did_you_mean(name, names) +
                             (names.empty() ? "; 'muster context set' makes one" : "")};
}

/// The head at work on the directory that `ctx` or the environment names.
std::optional<target> of_directory(const context& ctx) {
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return std::nullopt;
  const auto found = find_head(*directory);
  if (!found)
    return std::nullopt;
  // Who owns the directory is the operator of its head, and has what that left for them.
  const auto token = first_token_file(*directory);
  const bool readable = ::access(token.c_str(), R_OK) == 0;
  return target{found->address,
                "head.json in " + directory->root().string(),
                {},
                found->ca,
                readable ? token : std::filesystem::path{}};
}

/// Which head is meant by its address; nothing if only the directory can tell.
result<std::optional<target>> named_target(const context& ctx, const head_choice& choice) {
  if (!choice.address.empty())
    return std::optional{target{choice.address, {}, {}, {}}};
  if (choice.context.empty() && !ctx.state_dir.empty())
    return std::optional<target>{};
  if (choice.context.empty())
    if (const auto* address = environment("MUSTER_ADDRESS"))
      return std::optional{target{address, "MUSTER_ADDRESS", {}, {}}};
  const auto known = read_contexts(choice.config_file);
  if (!known)
    return known.failure();
  const auto& name = choice.context.empty() ? known->current : choice.context;
  if (name.empty())
    return std::optional<target>{};
  auto found = of_context(name, *known);
  return found ? result<std::optional<target>>{std::optional{std::move(*found)}} : found.failure();
}

result<std::unique_ptr<client::api>> connect(const target& to, const head_choice& choice) {
  client::http_config config;
  config.address = to.address;
  config.origin = to.origin;
  if (choice.quick) {
    config.patience = std::chrono::milliseconds{0};
    config.connect_timeout = config.answer_timeout = std::chrono::seconds{2};
  }
  config.ca = to.ca;
  std::filesystem::path file = choice.token_file;
  if (file.empty())
    file = to.token_file;
  if (const auto* named = environment("MUSTER_TOKEN_FILE"); file.empty() && named != nullptr)
    file = named;
  if (file.empty())
    file = to.own_token;
  if (!file.empty()) {
    auto token = client::read_token(file);
    if (!token)
      return token.failure();
    config.token = std::move(*token);
  }
  auto made = client::http_client::make(std::move(config));
  if (!made)
    return made.failure();
  return std::unique_ptr<client::api>{std::move(*made)};
}

} // namespace

void add_head_choice(CLI::App& command, head_choice& choice, context& ctx) {
  command.add_option("--address", choice.address, "The head, such as http://127.0.0.1:7717 (else MUSTER_ADDRESS)")
      ->type_name("URL");
  command.add_option("--context", choice.context, "The head of this context, see 'muster context'")
      ->type_name("CONTEXT");
  command.add_option("--token-file", choice.token_file, "File with the token for it (else MUSTER_TOKEN_FILE)")
      ->type_name("PATH");
  if (command.get_option_no_throw("--state-dir") == nullptr)
    add_state_dir(command, ctx);
}

result<std::unique_ptr<client::api>> find_head_api(const context& ctx, const head_choice& choice) {
  auto to = named_target(ctx, choice);
  if (!to)
    return to.failure();
  if (!*to)
    *to = of_directory(ctx);
  if (!*to)
    return std::unique_ptr<client::api>{};
  return connect(**to, choice);
}

result<std::unique_ptr<client::api>> require_head(const context& ctx, const head_choice& choice) {
  auto found = find_head_api(ctx, choice);
  if (found && !*found)
    return {ec::unavailable, "no head is at work here, and none is named: give --address, set MUSTER_ADDRESS or a "
                             "context, or start one by 'muster serve'"};
  return found;
}

result<std::unique_ptr<client::api>> find_reading_api(const context& ctx, const head_choice& choice) {
  auto to = named_target(ctx, choice);
  if (!to)
    return to.failure();
  if (*to)
    return connect(**to, choice);
  const auto directory = find_state_directory(ctx);
  if (!directory)
    return directory.failure();
  return make_local_api(*directory);
}

result<std::unique_ptr<client::api>> find_live_api(const context& ctx, const head_choice& choice) {
  auto head = find_head_api(ctx, choice);
  if (head && *head && get_json(**head, "/v1/pools"))
    return head;
  return find_reading_api(ctx, choice);
}

result<bool> means_other_machine(const context& ctx, const head_choice& choice) {
  const auto to = named_target(ctx, choice);
  if (!to)
    return to.failure();
  return to->has_value();
}

} // namespace muster::cli
