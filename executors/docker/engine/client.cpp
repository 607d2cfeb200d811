#include "executors/docker/engine/client.hpp"

#include "executors/docker/engine/answers.hpp"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace muster::docker {

namespace {

constexpr api_version newest{1, 47};
constexpr api_version oldest{1, 40};
constexpr std::size_t list_limit = std::size_t{256} << 20U;
constexpr std::size_t error_limit = std::size_t{1} << 20U;

engine_error bad_stream(object about, std::string message) {
  engine_error problem;
  problem.kind = failure::bad_answer;
  problem.about = about;
  problem.message = std::move(message);
  return problem;
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

/// An `on_done` that reads answers of status 2xx with `read` and makes errors of all others.
template <class T, class Read>
std::function<void(outcome<http_response>)> reading(object about, then<T> done, Read read) {
  return [about, done = std::move(done), read = std::move(read)](outcome<http_response> answer) {
    if (!answer) {
      auto problem = answer.failure();
      problem.about = about;
      done(std::move(problem));
    } else if (!is_success(answer->status) && answer->status != 304) {
      done(error_of_answer(answer->status, answer->body, about));
    } else {
      done(read(std::move(*answer)));
    }
  };
}

/// For answers whose status says all.
template <class T>
http_handlers expecting(object about, then<T> done) {
  if constexpr (std::is_void_v<T>)
    return {{}, {}, reading<void>(about, std::move(done), [](const http_response&) { return outcome<void>{}; })};
  else
    return {{}, {}, reading<bool>(about, std::move(done), [](const http_response& answer) -> outcome<bool> {
              return answer.status != 304;
            })};
}

/// For answers whose body `read` understands.
template <class T, class Read>
http_handlers expecting(object about, then<T> done, Read read) {
  return {{}, {}, reading<T>(about, std::move(done), [read](http_response answer) -> outcome<T> {
            return read(std::move(answer.body));
          })};
}

/// What a stream keeps between its pieces.
template <class Handlers>
struct stream {
  loop* on = nullptr;
  call_id id = call_id::none;
  Handlers handlers;
  std::optional<engine_error> problem; ///< Found within the stream: it ends the call.

  /// Whether there is still somebody who listens: a handler may have canceled the call.
  [[nodiscard]] bool wanted() const { return !problem && on->in_flight(id); }
};

template <class Handlers>
std::shared_ptr<stream<Handlers>> make_stream(loop& on, Handlers handlers) {
  return std::make_shared<stream<Handlers>>(stream<Handlers>{&on, call_id::none, std::move(handlers), std::nullopt});
}

std::function<void(const http_response&)> when_open(std::function<void()> tell) {
  if (!tell)
    return {};
  return [tell = std::move(tell)](const http_response& answer) {
    if (is_success(answer.status))
      tell();
  };
}

/// How a stream ended, once its transport did.
outcome<void> end_of_stream(const outcome<http_response>& answer, object about, std::optional<engine_error> problem,
                            call_kind call = call_kind::other) {
  if (problem)
    return *std::move(problem);
  if (!answer) {
    auto failed = answer.failure();
    failed.about = about;
    return failed;
  }
  if (!is_success(answer->status))
    return error_of_answer(answer->status, answer->body, about, call);
  return {};
}

} // namespace

struct client::agreement {
  std::optional<api_version> version;
};

client::client(loop& on, endpoint where, client_options options)
    : loop_(on), where_(std::make_shared<const endpoint>(std::move(where))), options_(options),
      agreed_(std::make_shared<agreement>()) {}

std::optional<api_version> client::version() const {
  return agreed_->version;
}

http_request client::request(std::string method, std::string path) const {
  http_request out;
  out.to = where_;
  out.method = std::move(method);
  out.path = agreed_->version ? "/v" + to_string(*agreed_->version) + path : std::move(path);
  out.deadline = options_.quick;
  return out;
}

http_request client::post_json(std::string path, std::string body) const {
  auto out = request("POST", std::move(path));
  out.body = std::move(body);
  out.content_type = "application/json";
  return out;
}

std::string client::container_path(const std::string& container, std::string_view rest) const {
  return "/containers/" + encode_segment(container) + std::string(rest);
}

std::string client::network_path(const std::string& network, std::string_view rest) const {
  return "/networks/" + encode_segment(network) + std::string(rest);
}

call_id client::negotiate(then<api_version> done) {
  auto ping = request("GET", "/_ping");
  ping.path = "/_ping"; // of no version: it asks for one
  auto handlers = http_handlers{};
  handlers.on_done = reading<api_version>(
      object::engine, std::move(done), [agreed = agreed_](const http_response& answer) -> outcome<api_version> {
        const auto header = answer.headers.find("api-version");
        auto theirs = read_version(header == answer.headers.end() ? std::string{} : header->second);
        if (!theirs)
          return theirs;
        if (*theirs < oldest) {
          engine_error problem;
          problem.kind = failure::unsupported;
          problem.message = "the Docker daemon speaks API " + to_string(*theirs) + "; at least " + to_string(oldest) +
                            " (Docker 19.03) is needed";
          return problem;
        }
        agreed->version = std::min(*theirs, newest);
        return *agreed->version;
      });
  return loop_.send(std::move(ping), std::move(handlers));
}

call_id client::ping(then<void> done) {
  auto ping = request("GET", "/_ping");
  ping.path = "/_ping";
  return loop_.send(std::move(ping), expecting<void>(object::engine, std::move(done)));
}

call_id client::info(then<engine_info> done) {
  return loop_.send(request("GET", "/info"), expecting<engine_info>(object::engine, std::move(done), read_info));
}

call_id client::inspect_image(std::string_view image, then<image_info> done) {
  return loop_.send(request("GET", "/images/" + encode_segment(image, true) + "/json"),
                    expecting<image_info>(object::image, std::move(done), read_image));
}

call_id client::pull_image(const image_reference& image, const secret& auth,
                           std::function<void(const pull_progress&)> on_progress, then<void> done) {
  struct pull {
    std::function<void(const pull_progress&)> on_progress;
    then<void> done;
    line_splitter lines;
  };
  auto call = request("POST", "/images/create");
  call.query = {{"fromImage", image.familiar_name()}, {"tag", image.version()}};
  if (!auth.empty())
    call.headers.emplace_back("X-Registry-Auth", auth.reveal());
  call.deadline = {};
  call.idle = options_.pull_idle;
  call.body_limit = error_limit;
  const auto state = make_stream(loop_, pull{std::move(on_progress), std::move(done), {}});
  const auto take_line = [](stream<pull>& of, std::string_view line) {
    const auto step = read_pull_line(line);
    if (!step)
      of.problem = step.failure();
    else if (of.handlers.on_progress)
      of.handlers.on_progress(*step);
  };
  http_handlers handlers;
  handlers.on_data = [state, take_line](std::string_view bytes) {
    const bool read = state->handlers.lines.feed(bytes, [&](std::string_view line) {
      if (state->wanted())
        take_line(*state, line);
    });
    if (!read && !state->problem)
      state->problem = bad_stream(object::image, "the Docker daemon sent a line of progress without an end");
    return !state->problem;
  };
  handlers.on_done = [state, take_line](const outcome<http_response>& answer) {
    const auto& rest = state->handlers.lines.rest();
    if (answer && is_success(answer->status) && !rest.empty())
      take_line(*state, rest);
    state->handlers.done(end_of_stream(answer, object::image, state->problem, call_kind::pull));
  };
  return state->id = loop_.send(std::move(call), std::move(handlers));
}

call_id client::create_container(const std::string& name, std::string config, then<created_container> done) {
  auto call = post_json("/containers/create", std::move(config));
  if (!name.empty())
    call.query = {{"name", name}};
  return loop_.send(std::move(call), expecting<created_container>(object::container, std::move(done), read_created));
}

call_id client::start_container(const std::string& container, then<bool> done) {
  auto call = request("POST", container_path(container, "/start"));
  call.deadline = options_.start;
  call.once = true; // A second one would start it again, if it has ended meanwhile.
  return loop_.send(std::move(call), expecting<bool>(object::container, std::move(done)));
}

call_id client::wait_container(const std::string& container, wait_condition until, std::function<void()> on_registered,
                               then<exit_status> done) {
  auto call = request("POST", container_path(container, "/wait"));
  const auto* const condition = until == wait_condition::next_exit ? "next-exit"
                                : until == wait_condition::removed ? "removed"
                                                                   : "not-running";
  call.query = {{"condition", condition}};
  call.deadline = {};
  call.small = true;
  call.body_limit = error_limit;
  auto handlers = expecting<exit_status>(object::container, std::move(done), read_exit);
  handlers.on_open = when_open(std::move(on_registered));
  return loop_.send(std::move(call), std::move(handlers));
}

call_id client::inspect_container(const std::string& container, then<container_info> done) {
  return loop_.send(request("GET", container_path(container, "/json")),
                    expecting<container_info>(object::container, std::move(done), read_container));
}

call_id client::list_containers(const filter_map& filters, then<std::vector<container_summary>> done) {
  auto call = request("GET", "/containers/json");
  call.query = {{"all", "true"}, {"filters", filters_text(filters)}};
  call.body_limit = list_limit;
  return loop_.send(std::move(call),
                    expecting<std::vector<container_summary>>(object::container, std::move(done), read_containers));
}

call_id client::stop_container(const std::string& container, std::chrono::milliseconds grace, then<bool> done) {
  const auto seconds = std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(grace));
  auto call = request("POST", container_path(container, "/stop"));
  call.query = {{"t", std::to_string(seconds.count())}};
  call.deadline = seconds + options_.stop_extra;
  return loop_.send(std::move(call), expecting<bool>(object::container, std::move(done)));
}

call_id client::kill_container(const std::string& container, std::string_view signal, then<void> done) {
  auto call = request("POST", container_path(container, "/kill"));
  call.query = {{"signal", std::string(signal)}};
  return loop_.send(std::move(call), expecting<void>(object::container, std::move(done)));
}

call_id client::remove_container(const std::string& container, bool force, then<void> done) {
  auto call = request("DELETE", container_path(container));
  call.query = {{"v", "true"}, {"force", force ? "true" : "false"}};
  call.deadline = options_.remove;
  return loop_.send(std::move(call), expecting<void>(object::container, std::move(done)));
}

call_id client::upload_archive(const std::string& container, std::string_view path, std::string tar, then<void> done) {
  auto call = request("PUT", container_path(container, "/archive"));
  call.query = {{"path", std::string(path)}};
  call.body = std::move(tar);
  call.content_type = "application/x-tar";
  call.deadline = options_.upload;
  return loop_.send(std::move(call), expecting<void>(object::container, std::move(done)));
}

call_id client::has_path(const std::string& container, std::string_view path, then<bool> done) {
  auto call = request("HEAD", container_path(container, "/archive"));
  call.query = {{"path", std::string(path)}};
  http_handlers handlers;
  handlers.on_done = [done = std::move(done)](const outcome<http_response>& how) {
    constexpr int not_found = 404;
    if (!how)
      return done(how.failure());
    if (is_success(how->status) || how->status == not_found)
      return done(how->status != not_found);
    done(error_of_answer(how->status, how->body, object::container));
  };
  return loop_.send(std::move(call), std::move(handlers));
}

call_id client::follow_log(const std::string& container, const log_options& which, log_handlers handlers) {
  auto call = request("GET", container_path(container, "/logs"));
  const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
  call.query = {{"follow", flag(which.follow)},
                {"stdout", flag(which.output)},
                {"stderr", flag(which.errors)},
                {"timestamps", flag(which.timestamps)}};
  if (which.since)
    call.query.emplace_back("since", to_query(*which.since));
  call.deadline = which.follow ? std::chrono::milliseconds(0) : options_.upload;
  call.body_limit = error_limit;
  struct log {
    log_handlers to;
    frame_decoder frames;
  };
  const auto state = make_stream(loop_, log{std::move(handlers), frame_decoder(which.format)});
  http_handlers calls;
  calls.on_open = when_open(state->handlers.to.on_open);
  calls.on_data = [state](std::string_view bytes) {
    const auto read = state->handlers.frames.feed(bytes, [&](log_stream from, std::string_view record) {
      if (state->wanted())
        state->handlers.to.on_record(from, record);
    });
    if (!read)
      state->problem = bad_stream(object::container, read.failure().message);
    return read.ok();
  };
  calls.on_done = [state](const outcome<http_response>& answer) {
    if (answer && is_success(answer->status))
      if (const auto end = state->handlers.frames.finish(state->handlers.to.on_record); !end)
        state->problem = bad_stream(object::container, end.failure().message);
    state->handlers.to.on_end(end_of_stream(answer, object::container, state->problem));
  };
  return state->id = loop_.send(std::move(call), std::move(calls));
}

call_id client::listen(const filter_map& filters, std::optional<nano_timestamp> since,
                       std::optional<nano_timestamp> until, event_handlers handlers) {
  auto call = request("GET", "/events");
  call.query = {{"filters", filters_text(filters)}};
  if (since)
    call.query.emplace_back("since", to_query(*since));
  if (until)
    call.query.emplace_back("until", to_query(*until));
  call.deadline = {};
  call.body_limit = error_limit;
  struct listening {
    event_handlers to;
    line_splitter lines;
  };
  const auto state = make_stream(loop_, listening{std::move(handlers), {}});
  const auto take_line = [state = state.get()](std::string_view line) {
    if (!state->wanted())
      return;
    auto event = read_event(line);
    if (event)
      state->handlers.to.on_event(std::move(*event));
    else
      state->problem = event.failure();
  };
  http_handlers calls;
  calls.on_open = when_open(state->handlers.to.on_open);
  calls.on_data = [state, take_line](std::string_view bytes) {
    if (!state->handlers.lines.feed(bytes, take_line) && !state->problem)
      state->problem = bad_stream(object::engine, "the Docker daemon sent an event without an end");
    return !state->problem;
  };
  calls.on_done = [state](const outcome<http_response>& answer) {
    state->handlers.to.on_end(end_of_stream(answer, object::engine, state->problem));
  };
  return state->id = loop_.send(std::move(call), std::move(calls));
}

call_id client::remembers_making(const std::string& container, nano_timestamp now, then<bool> done) {
  auto call = request("GET", "/events");
  call.query = {{"filters", filters_text({{"type", {"container"}}, {"event", {"create"}}, {"container", {container}}})},
                {"since", to_query({})},
                {"until", to_query(now)}};
  const auto read = [container](const std::string& body) -> outcome<bool> {
    bool found = false;
    line_splitter lines;
    const bool complete = lines.feed(body, [&](std::string_view line) {
      const auto event = read_event(line);
      found = found || (event && event->action == "create" && event->id == container);
    });
    return complete && found;
  };
  return loop_.send(std::move(call), expecting<bool>(object::engine, std::move(done), read));
}

call_id client::create_network(std::string config, then<std::string> done) {
  return loop_.send(post_json("/networks/create", std::move(config)),
                    expecting<std::string>(object::network, std::move(done), read_network_id));
}

call_id client::inspect_network(const std::string& network, then<network_info> done) {
  return loop_.send(request("GET", network_path(network)),
                    expecting<network_info>(object::network, std::move(done), read_network));
}

call_id client::list_networks(const filter_map& filters, then<std::vector<network_info>> done) {
  auto call = request("GET", "/networks");
  call.query = {{"filters", filters_text(filters)}};
  call.body_limit = list_limit;
  return loop_.send(std::move(call),
                    expecting<std::vector<network_info>>(object::network, std::move(done), read_networks));
}

call_id client::remove_network(const std::string& network, then<void> done) {
  return loop_.send(request("DELETE", network_path(network)), expecting<void>(object::network, std::move(done)));
}

call_id client::connect_network(const std::string& network, const std::string& container,
                                std::string_view endpoint_config, then<void> done) {
  nlohmann::json body{{"Container", container}};
  if (auto config = nlohmann::json::parse(endpoint_config, nullptr, false); config.is_object())
    body["EndpointConfig"] = std::move(config);
  return loop_.send(post_json(network_path(network, "/connect"), body.dump()),
                    expecting<void>(object::network, std::move(done)));
}

call_id client::disconnect_network(const std::string& network, const std::string& container, bool force,
                                   then<void> done) {
  const nlohmann::json body{{"Container", container}, {"Force", force}};
  return loop_.send(post_json(network_path(network, "/disconnect"), body.dump()),
                    expecting<void>(object::network, std::move(done)));
}

} // namespace muster::docker
