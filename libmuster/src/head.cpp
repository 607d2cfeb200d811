#include "muster/api/head.hpp"

#include "convert.hpp"
#include "head_link.hpp"
#include "render.hpp"

#include <cstdlib>

namespace muster::api {

namespace {

std::string from_environment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

ec code_of(const client::problem& x) {
  if (x.unreachable())
    return ec::unavailable;
  if (x.status == 401 || x.status == 403)
    return ec::denied;
  for (int i = 1; i <= UINT8_MAX; ++i)
    if (muster::to_string(static_cast<muster::ec>(i)) == x.code)
      return static_cast<ec>(i);
  if (x.status == 404)
    return ec::not_found;
  return x.status >= 500 ? ec::unavailable : ec::invalid_argument;
}

/// All that is wrong with a spec, a line each; empty if the head said nothing of that kind.
std::string errors_of_spec(const client::problem& x) {
  std::string out;
  if (const auto body = value::from_json(x.body); body)
    for (const auto& one : (*body)["errors"].items())
      out += (out.empty() ? "" : "\n") + one["path"].as_text() + (one["path"].as_text().empty() ? "" : ": ") +
             one["message"].as_text();
  return out;
}

result<run> not_made(const error& why) {
  return why;
}

} // namespace

error to_api(const client::problem& x) {
  auto all = errors_of_spec(x);
  return {code_of(x), all.empty() ? x.detail : std::move(all)};
}

result<std::unique_ptr<client::http_client>> head::impl::connect() const {
  auto made = client::http_client::make(config_);
  if (!made)
    return api::to_api(made.failure());
  return *std::move(made);
}

result<client::reply> head::impl::send(const client::request& x) {
  const std::lock_guard lock{mutex_};
  if (!client_) {
    auto made = connect();
    if (!made)
      return made.failure();
    client_ = *std::move(made);
  }
  auto answer = client_->send(x);
  if (!answer)
    return api::to_api(answer.why());
  return *std::move(answer);
}

result<value> head::impl::get(const client::request& x) {
  const auto answer = send(x);
  if (!answer)
    return answer.failure();
  return value::from_json(answer->body);
}

result<head> head::connect(const head_options& options) {
  client::http_config config;
  config.address = options.address.empty() ? from_environment("MUSTER_ADDRESS") : options.address;
  if (config.address.empty())
    return {ec::invalid_argument, "which head is not said: give its address, or set MUSTER_ADDRESS"};
  const auto file =
      options.token_file.empty() ? std::filesystem::path{from_environment("MUSTER_TOKEN_FILE")} : options.token_file;
  if (!file.empty()) {
    auto token = client::read_token(file);
    if (!token)
      return api::to_api(token.failure());
    config.token = *std::move(token);
  }
  config.ca = options.ca;
  config.patience = options.patience;
  auto link = std::make_shared<impl>(std::move(config), options.pool);
  client::request hello;
  hello.path = client::path_of({"workflows"});
  hello.query = {{"limit", "1"}};
  hello.repeatable = true;
  if (const auto answer = link->send(hello); !answer)
    return answer.failure();
  return head(std::move(link));
}

namespace {

result<std::shared_ptr<run_backend>> submit_to(const std::shared_ptr<head::impl>& to, std::string_view spec,
                                               const dict& parameters) {
  dict body{{"spec", spec}};
  if (!parameters.empty())
    body.emplace_back("parameters", parameters);
  if (!to->pool().empty())
    body.emplace_back("pool", to->pool());
  client::request x;
  x.method = "POST";
  x.path = client::path_of({"workflows"});
  x.content_type = "application/json";
  x.body = value(std::move(body)).to_json();
  x.headers["Idempotency-Key"] = client::make_idempotency_key();
  x.repeatable = true;
  const auto made = to->get(x);
  if (!made)
    return made.failure();
  std::vector<std::string> notes;
  for (const auto& note : (*made)["notes"].items())
    notes.push_back(note.as_text());
  return make_remote_run(to, (*made)["id"].as_text(), std::move(notes));
}

} // namespace

result<run> head::submit(const workflow& x, const dict& parameters) {
  // Checked here first: its errors speak of steps, those of the head of the text that was made of them.
  const auto loaded = load(*x.node_, parameters);
  if (!loaded)
    return not_made(loaded.failure());
  return submit_yaml(loaded->text, parameters);
}

result<run> head::submit_yaml(std::string_view spec, const dict& parameters) {
  auto made = submit_to(impl_, spec, parameters);
  return made ? result<run>{run(*std::move(made))} : not_made(made.failure());
}

result<run> head::retry(const std::string& id, const std::string& from) {
  client::request x;
  x.method = "POST";
  x.path = client::path_of({"workflows", id, "retry"});
  x.content_type = "application/json";
  x.body = from.empty() ? "{}" : value(dict{{"from", from}}).to_json();
  if (const auto done = impl_->send(x); !done)
    return done.failure();
  return run(make_remote_run(impl_, id, {}));
}

result<run> head::find(const std::string& id) {
  client::request x;
  x.path = client::path_of({"workflows", id});
  x.repeatable = true;
  const auto found = impl_->get(x);
  if (!found)
    return found.failure();
  return run(make_remote_run(impl_, (*found)["id"].as_text(), {}));
}

} // namespace muster::api
