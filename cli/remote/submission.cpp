#include "cli/remote/submission.hpp"

#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "gateway/client/http_client.hpp"
#include "muster/placement/queue_policy.hpp"
#include "muster/spec/regular_file.hpp"
#include "muster/spec/yaml_json.hpp"

#include <CLI/CLI.hpp>

#include <iostream>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

json options_of(const spec_input& input, const submit_extras& extras) {
  json out{{"profile", to_string(input.profile)}};
  if (!extras.pool.empty())
    out["pool"] = extras.pool;
  if (!input.set.empty())
    out["set"] = input.set;
  if (!input.set_string.empty())
    out["set_string"] = input.set_string;
  if (!input.set_env.empty())
    out["set_env"] = input.set_env;
  if (extras.no_cache)
    out["no_cache"] = true;
  if (!extras.priority.empty())
    out["priority"] = extras.priority;
  if (!extras.labels.empty()) {
    auto labels = json::object();
    for (const auto& x : extras.labels)
      labels[x.substr(0, x.find('='))] = x.substr(x.find('=') + 1);
    out["labels"] = std::move(labels);
  }
  return out;
}

/// The values in a file of YAML or JSON, as the head takes them. The check of the spec has read it already.
result<json> parameters_in(const std::string& file) {
  const auto text = spec::read_regular_file(file, spec::largest_local_file);
  if (!text)
    return text.failure();
  auto values = json::parse(*text, nullptr, false);
  if (values.is_discarded()) {
    const auto converted = spec::json_from_yaml(*text);
    if (!converted)
      return {ec::invalid_argument, file + ": " + converted.failure().message};
    values = json::parse(*converted, nullptr, false);
  }
  return values.is_null() ? json::object() : values;
}

/// A quoted string of a header of a part.
std::string quoted_name(const std::string& x) {
  std::string out = "\"";
  for (const char c : x)
    if (c != '\r' && c != '\n')
      (out += c == '"' || c == '\\' ? "\\" : "") += c;
  return out + '"';
}

std::string form_of(const std::string& boundary, const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string out;
  for (const auto& [name, body] : parts)
    out.append("--")
        .append(boundary)
        .append("\r\nContent-Disposition: form-data; name=")
        .append(quoted_name(name))
        .append("\r\n\r\n")
        .append(body)
        .append("\r\n");
  return out + "--" + boundary + "--\r\n";
}

submitted refused(int code) {
  return {std::nullopt, {}, code};
}

} // namespace

void add_priority(CLI::App& command, std::string& into) {
  command
      .add_option(
          "--priority", into,
          "HIGH, NORMAL (default) or LOW: who is first, and LOW may use more than its quota and makes way for the "
          "others")
      ->type_name("PRIORITY")
      ->check([](const std::string& x) {
        return parse_priority(x) ? std::string{} : "'" + x + "' is none of HIGH, NORMAL, LOW";
      });
}

void add_submit_extras(CLI::App& command, submit_extras& extras) {
  command.add_option("--pool", extras.pool, "Where to run (default: as the spec or the head says)")->type_name("POOL");
  command.add_option("--label", extras.labels, "A label of the workflow; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& x) {
        return x.find('=') == std::string::npos || x[0] == '=' ? "'" + x + "' is not KEY=VALUE" : std::string{};
      });
  add_priority(command, extras.priority);
  command.add_flag("--no-cache", extras.no_cache, "Run tasks marked `cache` too, also if one like it has completed");
}

submitted submit_to(client::api& head, const spec_input& input, const submit_extras& extras) {
  const auto spec = load(input);
  print_diagnostics(spec.outcome);
  if (!spec.outcome.ok())
    return refused(exit_error);
  auto options = options_of(input, extras);
  if (!input.parameters.empty()) {
    auto values = parameters_in(input.parameters);
    if (!values)
      return refused(report(values.failure()));
    options["parameters"] = std::move(*values);
  }
  client::request x;
  x.method = "POST";
  x.path = client::path_of({"workflows"});
  x.repeatable = true;
  x.headers["Idempotency-Key"] = client::make_idempotency_key();
  std::vector<std::pair<std::string, std::string>> parts;
  if (!spec.files->empty()) {
    parts = {{"spec", spec.text}, {"options", dump(options)}};
    parts.insert(parts.end(), spec.files->begin(), spec.files->end());
    const auto boundary = "muster-" + client::make_idempotency_key();
    x.content_type = "multipart/form-data; boundary=" + boundary;
    x.body = form_of(boundary, parts);
  } else {
    options["spec"] = spec.text;
    x.body = dump(options);
  }
  const auto got = head.send(x);
  if (!got)
    return refused(report(got.why()));
  auto answer = json::parse(got->body, nullptr, false);
  submitted out{std::nullopt, answer.is_object() ? text_of(answer, "id") : std::string{}, exit_error};
  if (out.id.empty())
    return refused(report(error{ec::internal, "the answer of " + head.name() + " names no workflow"}));
  if (const auto notes = answer.find("notes"); notes != answer.end() && notes->is_array())
    for (const auto& note : *notes)
      if (note.is_string())
        std::cerr << "muster: note: " << note.get<std::string>() << '\n';
  out.answer = std::move(answer);
  return out;
}

int report_no_head(const error& problem) {
  const auto code = report(problem);
  return problem.code == ec::unavailable ? static_cast<int>(exit_unreachable) : code;
}

} // namespace muster::cli
