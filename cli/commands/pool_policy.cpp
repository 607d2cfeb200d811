#include "cli/commands/pool_policy.hpp"

#include "cli/commands/errors.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/remote/submission.hpp"
#include "cli/terminal/table.hpp"
#include "cli/terminal/text.hpp"
#include "muster/config/policy_patch.hpp"
#include "muster/config/pools.hpp"
#include "muster/spec/yaml_json.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

/// Pools and their policies, changed while a head works.
namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

struct change_options {
  std::string pool;
  std::string file;
  std::vector<std::string> values; ///< `key=value`; of `reset`: keys.
  std::string state;               ///< `on` or `off`
  std::string reason;
  std::string format = "text";
  head_choice head;
};

/// A value as the configuration file has it.
result<json> from_yaml(const std::string& text) {
  const auto read = spec::json_from_yaml(text);
  if (!read)
    return read.failure();
  return json::parse(*read);
}

result<json> read_file(const std::string& file) {
  std::ifstream from;
  if (file != "-") {
    from.open(file);
    if (!from)
      return error{ec::io_error, file + " cannot be read"};
  }
  auto& in = file == "-" ? std::cin : from;
  auto read = from_yaml(std::string{std::istreambuf_iterator<char>{in}, {}});
  if (!read)
    return error{read.failure().code, file + ": " + read.failure().message};
  return read;
}

result<json> read_patch(const std::string& file) {
  auto patch = read_file(file);
  if (!patch)
    return patch;
  // With its key, as it stands in a file of configuration and in what `show` prints.
  if (patch->is_object() && patch->size() == 1 && patch->contains("policy"))
    return json(patch->at("policy"));
  return patch;
}

/// `exec_timeout.maximum=2d`: what is behind a point is within what is before it.
result<void> add_value(json& to, const std::string& text) {
  const auto equal = text.find('=');
  if (equal == 0 || equal == std::string::npos)
    return {ec::invalid_argument, "'" + text + "': expected KEY=VALUE"};
  auto value = from_yaml(text.substr(equal + 1));
  if (!value)
    return {ec::invalid_argument, "'" + text + "': the value is no YAML: " + value.failure().message};
  auto* at = &to;
  const auto path = text.substr(0, equal);
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('.', begin), path.size());
    if (at->is_null())
      *at = json::object();
    if (!at->is_object())
      return {ec::invalid_argument, "'" + path + "' is given twice"};
    at = &(*at)[path.substr(begin, end - begin)];
    begin = end + 1;
  }
  *at = std::move(*value);
  return {};
}

std::string plain_value(const json& x) {
  return x.is_string() ? x.get<std::string>() : x.dump();
}

/// The keys that say something, and who said so.
void print_policy(const json& x, std::ostream& out) {
  const auto policy = x.value("policy", json::object());
  const auto overrides = x.value("policy_overrides", json::array());
  const auto built_in = json::parse(config::to_json({}));
  table rows({"POLICY", "VALUE", "FROM"}, style{}, out);
  for (const auto& [key, value] : policy.items()) {
    const bool is_override = std::find(overrides.begin(), overrides.end(), json(key)) != overrides.end();
    if (is_override || !((value.is_structured() && value.empty()) || value == json(false)))
      rows.add({{key},
                {printable(plain_value(value))},
                {is_override                            ? "api"
                 : value == built_in.value(key, json{}) ? "default"
                                                        : "file"}});
  }
  rows.flush();
}

client::outcome<json> send_patch(client::api& head, const std::string& pool, const json& policy) {
  return send_json(head, "PATCH", client::path_of({"pools", pool}), {{"policy", policy}}, true);
}

int tell(const client::outcome<json>& done, const change_options& options) {
  if (!done)
    return report(done.why());
  if (options.format == "json")
    std::cout << done->dump(1) << '\n';
  else
    print_policy(*done, std::cout);
  return exit_completed;
}

int change(const context& ctx, const change_options& options, const json& policy) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  return tell(send_patch(**head, options.pool, policy), options);
}

int set(const context& ctx, const change_options& options) {
  json patch;
  if (!options.file.empty()) {
    auto read = read_patch(options.file);
    if (!read)
      return report(read.failure());
    patch = *std::move(read);
    if (!patch.is_object())
      return report_usage(options.file + ": expected keys of a policy with their values");
  }
  for (const auto& text : options.values)
    if (const auto added = add_value(patch, text); !added)
      return report_usage(added.failure().message);
  if (patch.empty())
    return report_usage("nothing to set: name KEY=VALUE, or a file with -f");
  return change(ctx, options, patch);
}

int reset(const context& ctx, const change_options& options) {
  json patch;
  for (const auto& key : options.values)
    patch[key] = nullptr;
  return change(ctx, options, patch);
}

/// What ends is the maintenance that was begun so; if the configuration has one, that too.
int maintain(const context& ctx, const change_options& options) {
  if (options.state == "on")
    return change(ctx, options, {{"maintenance", options.reason.empty() ? json(true) : json(options.reason)}});
  if (!options.reason.empty())
    return report_usage("--reason goes with on");
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  auto done = send_patch(**head, options.pool, {{"maintenance", nullptr}});
  if (done && done->value("policy", json::object()).value("maintenance", json(false)) != json(false))
    done = send_patch(**head, options.pool, {{"maintenance", false}});
  return tell(done, options);
}

/// A key of a pool is taken for one of its policy unless it is one of the others that a pool has.
std::string within_pool(const std::string& text) {
  const auto key = text.substr(0, text.find_first_of(".="));
  const bool is_own =
      key == "policy" || key == "driver" ||
      std::find(config::keys_of_agents.begin(), config::keys_of_agents.end(), key) != config::keys_of_agents.end();
  return is_own ? text : "policy." + text;
}

int create(const context& ctx, const change_options& options) {
  json asked = json::object();
  if (!options.file.empty()) {
    auto read = read_file(options.file);
    if (!read)
      return report(read.failure());
    asked = *std::move(read);
    if (!asked.is_object())
      return report_usage(options.file + ": expected keys of a pool with their values");
  }
  for (const auto& text : options.values)
    if (const auto added = add_value(asked, within_pool(text)); !added)
      return report_usage(added.failure().message);
  asked["name"] = options.pool;
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  const auto made = send_json(**head, "POST", "/v1/pools", asked);
  if (!made)
    return report(made.why());
  if (options.format == "json")
    std::cout << made->dump(1) << '\n';
  else
    print_pool(*made, std::cout);
  return exit_completed;
}

int remove(const context& ctx, const change_options& options) {
  auto head = require_head(ctx, options.head);
  if (!head)
    return report_no_head(head.failure());
  const auto done = send_json(**head, "DELETE", client::path_of({"pools", options.pool}), nullptr, true);
  if (!done)
    return report(done.why());
  std::cout << options.pool << " is deleted\n";
  return exit_completed;
}

using command = int (*)(const context&, const change_options&);

CLI::App& add(CLI::App& to, context& ctx, const std::shared_ptr<change_options>& options, const char* name,
              const char* text, command what) {
  auto* out = to.add_subcommand(name, text);
  out->add_option("name", options->pool, "The pool")->type_name("POOL")->required();
  add_head_choice(*out, options->head, ctx);
  out->callback([&ctx, options, what] { ctx.action = [&ctx, options, what] { return what(ctx, *options); }; });
  return *out;
}

} // namespace

void print_pool(const json& x, std::ostream& out) {
  auto rest = x;
  rest.erase("policy");
  rest.erase("policy_overrides");
  print_object(rest, list_format::table, "name");
  out << '\n';
  print_policy(x, out);
}

void add_pool_changes(CLI::App& pool, context& ctx) {
  auto options = std::make_shared<change_options>();
  auto& fresh = add(pool, ctx, options, "create", "Make a pool that agents join", create);
  fresh.get_option("name")->description("Its name")->type_name("NAME"); // None of those that there are.
  add_text_or_json(fresh, options->format);
  fresh
      .add_option("values", options->values,
                  "Keys of the pool with values as in the configuration: silence_limit, lost_after, on_loss,\n"
                  "node_labels, and those of its policy as in `pool set`; a.b=VALUE is within a")
      ->type_name("KEY=VALUE");
  fresh
      .add_option("-f,--file", options->file,
                  "The same in YAML or JSON, with the policy under `policy`; '-' reads it from stdin")
      ->type_name("FILE");
  fresh.footer(
      "It is there at once, and until it is deleted. The head must take agents already: its configuration has\n"
      "a pool with `driver: agents`.\n\n"
      "Examples:\n  muster pool create farm2 node_labels.zone=b lost_after=2m strategy=spread\n"
      "  muster pool create farm2 -f farm2.yaml");

  options = std::make_shared<change_options>();
  auto& gone = add(pool, ctx, options, "delete", "Delete a pool that was made by `pool create`", remove);
  gone.footer("First end its workflows, its agents, and remove its nodes (muster node rm).\n\n"
              "Example:\n  muster pool delete farm2");

  options = std::make_shared<change_options>();
  auto& one = add(pool, ctx, options, "set", "Set keys of its policy, over those of the configuration", set);
  add_text_or_json(one, options->format);
  one.add_option("values", options->values,
                 "Keys of the policy with values as in the configuration; a.b=VALUE is within a")
      ->type_name("KEY=VALUE");
  one.add_option("-f,--file", options->file, "Keys and values in YAML or JSON; '-' reads them from stdin")
      ->type_name("FILE");
  one.footer("What runs keeps its places; who waits is judged anew. It stays so until it is reset.\n\n"
             "Examples:\n  muster pool set farm strategy=spread exec_timeout.maximum=2d\n"
             "  muster pool set farm -f quotas.yaml");

  options = std::make_shared<change_options>();
  auto& back = add(pool, ctx, options, "reset", "Let its policy be as the configuration says again", reset);
  add_text_or_json(back, options->format);
  back.add_option("keys", options->values, "Only these keys of it (default: all)")->type_name("KEY");
  back.footer("Examples:\n  muster pool reset farm\n  muster pool reset farm quotas");

  options = std::make_shared<change_options>();
  auto& care = add(pool, ctx, options, "maintenance", "Place nothing there for now, or place again", maintain);
  add_text_or_json(care, options->format);
  care.add_option("state", options->state, "Whether it is under maintenance")
      ->type_name("on|off")
      ->required()
      ->check(CLI::IsMember({"on", "off"}));
  care.add_option("--reason", options->reason, "Why, for people")->type_name("TEXT");
  care.footer("What runs there goes on. To stop what runs: muster node drain.\n\n"
              "Example:\n  muster pool maintenance farm on --reason 'new switches until noon'");
}

} // namespace muster::cli
