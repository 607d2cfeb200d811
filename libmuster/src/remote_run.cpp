#include "convert.hpp"
#include "head_link.hpp"

#include "executors/docker/engine/timestamps.hpp"
#include "gateway/client/events.hpp"
#include "muster/state/status.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <utility>

namespace muster::api {

namespace {

using clock = std::chrono::steady_clock;

/// Between two looks for what no event tells of.
constexpr auto poll_interval = std::chrono::milliseconds(200);

status status_of(const value& x) {
  return static_cast<status>(muster::parse_status(x.as_text()).value_or(muster::status::unspecified));
}

std::chrono::system_clock::time_point time_of(const std::string& text) {
  return docker::parse_timestamp(text).value_or(docker::nano_timestamp{});
}

event event_of(const value& x) {
  event out;
  out.sequence = static_cast<std::uint64_t>(x["seq"].as_integer());
  out.time = time_of(x["time"].as_text());
  out.type = x["type"].as_text();
  out.group = x["group"].as_text();
  out.task = x["task"].as_text();
  out.attempt = static_cast<std::uint32_t>(x["attempt"].as_integer());
  out.status = status_of(x["status"]);
  if (x.has("exit_code"))
    out.exit_code = static_cast<std::int32_t>(x["exit_code"].as_integer());
  out.text = x["reason"].as_text();
  return out;
}

/// Whether a workflow has ended by this event.
bool is_end(const value& x) {
  return x["type"].as_text() == "workflow.status" && is_finished(status_of(x["status"]));
}

std::string described(const value& task) {
  auto out = task["name"].as_text() + " " + task["status"].as_text();
  const auto& code = task["attempt"]["exit_code"];
  if (code.is_integer())
    out += ", exit code " + std::to_string(code.as_integer());
  const auto& reason = task["reason"].as_text();
  const bool says_more = code.is_integer() && reason == "exit code " + std::to_string(code.as_integer());
  return reason.empty() || says_more ? out : out + ": " + reason;
}

/// Threads that pass events on, of one workflow; ended with it.
class followers {
public:
  followers() = default;
  followers(const followers&) = delete;
  followers& operator=(const followers&) = delete;
  ~followers() {
    *stopping_ = true;
    for (auto& x : threads_)
      if (x.get_id() == std::this_thread::get_id())
        x.detach(); // The last handle went away within its own callback.
      else
        x.join();
  }

  void add(const std::function<void(const std::atomic<bool>& stopping)>& follow) {
    const std::lock_guard lock{mutex_};
    threads_.emplace_back([follow, stopping = stopping_] { follow(*stopping); });
  }

private:
  std::mutex mutex_;
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::thread> threads_;
};

/// Until the workflow has ended, or `stopping`.
result<void> pass_on_events(const head::impl& link, const std::string& id, const std::function<void(const event&)>& use,
                            const std::atomic<bool>& stopping) {
  const auto own = link.connect();
  if (!own)
    return own.failure();
  client::event_handler handler;
  std::exception_ptr thrown; // It must not pass through libcurl.
  handler.on_event = [&](std::uint64_t, std::string_view line) {
    const auto x = value::from_json(line);
    try {
      if (x)
        use(event_of(*x));
    } catch (...) {
      thrown = std::current_exception();
    }
    return !thrown && !stopping && !(x && is_end(*x));
  };
  handler.tick = [&] { return !stopping.load(); };
  const auto how = client::follow_events(**own, {{}, {{"workflow", id}}}, handler, link.patience());
  if (thrown)
    std::rethrow_exception(thrown);
  return how ? result<void>{} : result<void>{to_api(how.why())};
}

class remote_run final : public run_backend {
public:
  remote_run(std::shared_ptr<head::impl> link, std::string id, std::vector<std::string> notes)
      : link_(std::move(link)), id_(std::move(id)), notes_(std::move(notes)) {}

  [[nodiscard]] const std::string& id() const noexcept override { return id_; }
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept override { return notes_; }

  [[nodiscard]] result<std::optional<outcome>> wait(std::optional<std::chrono::milliseconds> limit) override {
    std::optional<clock::time_point> deadline;
    if (limit)
      deadline = clock::now() + *limit;
    // What is true at a sequence, and then what follows it: no end is missed.
    const auto answer = link_->send(question({"workflows", id_}));
    if (!answer)
      return answer.failure();
    auto whole = value::from_json(answer->body);
    if (!whole)
      return whole.failure();
    if (!is_finished(status_of((*whole)["status"]))) {
      auto ended = wait_for_end(std::strtoull(answer->header("x-muster-seq").c_str(), nullptr, 10), deadline);
      if (!ended)
        return ended.failure();
      if (!*ended)
        return std::optional<outcome>{};
      whole = link_->get(question({"workflows", id_}));
      if (!whole)
        return whole.failure();
    }
    outcome out{status_of((*whole)["status"]), {}};
    if (!out.completed())
      out.reason = why_failed((*whole)["reason"].as_text());
    return std::optional<outcome>{std::move(out)};
  }

  [[nodiscard]] result<status> current_status() override {
    const auto whole = link_->get(question({"workflows", id_}));
    if (!whole)
      return whole.failure();
    return status_of((*whole)["status"]);
  }

  [[nodiscard]] result<value> result_of(const std::string& path) override {
    auto x = question({"workflows", id_, "result"});
    if (!path.empty())
      x.query = {{"step", path}};
    return link_->get(x);
  }

  [[nodiscard]] result<std::string> logs(const std::string& task, std::size_t most) override {
    const auto own = link_->connect();
    if (!own)
      return own.failure();
    std::string out;
    const auto keep = [&](std::string_view piece) {
      out += piece;
      if (out.size() > 2 * most)
        out.erase(0, out.size() - most);
      return true;
    };
    const auto ended = (*own)->stream(question({"workflows", id_, "tasks", task, "logs"}), keep, {}, nullptr);
    if (!ended)
      return to_api(ended.why());
    if (out.size() > most)
      out.erase(0, out.size() - most);
    return out;
  }

  [[nodiscard]] result<void> follow_logs(const std::string& task,
                                         const std::function<bool(std::string_view)>& on_text) override {
    const auto own = link_->connect();
    if (!own)
      return own.failure();
    std::uint64_t attempt = 0;
    std::uint64_t offset = 0;
    auto lost_since = std::optional<clock::time_point>{};
    for (;;) {
      // Asked first, so that what was written before the end is read after it is known.
      const auto known = this->task(task);
      if (!known && known.failure().code != ec::not_found && known.failure().code != ec::unavailable)
        return known.failure();
      auto x = question({"workflows", id_, "tasks", task, "logs"});
      x.query = {{"attempt", std::to_string(attempt)}, {"offset", std::to_string(offset)}, {"follow", "true"}};
      const auto take = [&](std::string_view piece) {
        offset += piece.size();
        lost_since.reset();
        return on_text(piece);
      };
      const auto ended = (*own)->stream(x, take, {}, nullptr);
      if (ended && *ended == client::stream_end::stopped)
        return {};
      const bool whole = ended && *ended == client::stream_end::finished;
      if (whole) {
        if (known && is_finished(known->status) && attempt + 1 >= known->attempts)
          return {};
        ++attempt;
        offset = 0;
        continue;
      }
      if (!ended && ended.why().status == 404) {
        if (known && is_finished(known->status))
          return {};
        if (!known && is_finished(current_status().ok() ? *current_status() : status::unspecified))
          return known.failure();
      } else if (!ended && !ended.why().unreachable() && ended.why().status != 503) {
        return to_api(ended.why());
      } else if (const auto now = clock::now(); now - lost_since.value_or(now) > link_->patience()) {
        return ended ? result<void>{ec::unavailable, "the head broke off"} : to_api(ended.why());
      } else if (!lost_since) {
        lost_since = now;
      }
      std::this_thread::sleep_for(poll_interval);
    }
  }

  [[nodiscard]] result<task_state> task(const std::string& name) override {
    const auto x = link_->get(question({"workflows", id_, "tasks", name}));
    if (!x)
      return x.failure();
    task_state out;
    out.name = (*x)["name"].as_text();
    out.status = status_of((*x)["status"]);
    out.reason = (*x)["reason"].as_text();
    const auto& latest = (*x)["attempt"];
    if (latest.is_null())
      return out;
    out.attempts = static_cast<std::uint32_t>(latest["number"].as_integer()) + 1;
    out.node = latest["node"].as_text();
    if (latest["exit_code"].is_integer())
      out.exit_code = static_cast<std::int32_t>(latest["exit_code"].as_integer());
    return out;
  }

  [[nodiscard]] result<void> cancel(const std::string& reason, bool force) override {
    client::request x;
    x.method = "POST";
    x.path = client::path_of({"workflows", id_, "cancel"});
    x.content_type = "application/json";
    x.body = value(dict{{"message", reason}, {"force", force}}).to_json();
    const auto done = link_->send(x);
    return done ? result<void>{} : result<void>{done.failure()};
  }

  void on_event(std::function<void(const event&)> use, std::function<void(const result<void>&)> on_end) override {
    followers_.add(
        [link = link_, id = id_, use = std::move(use), on_end = std::move(on_end)](const std::atomic<bool>& stopping) {
          try {
            const auto how = pass_on_events(*link, id, use, stopping);
            if (on_end && !stopping)
              on_end(how);
          } catch (...) { // NOLINT(bugprone-empty-catch): whoever throws wants no more.
          }
        });
  }

private:
  [[nodiscard]] static client::request question(const std::vector<std::string>& parts) {
    client::request x;
    x.path = client::path_of(parts);
    x.repeatable = true;
    return x;
  }

  /// False at the deadline.
  [[nodiscard]] result<bool> wait_for_end(std::uint64_t after, std::optional<clock::time_point> deadline) {
    const auto own = link_->connect();
    if (!own)
      return own.failure();
    bool has_ended = false;
    client::event_handler handler;
    handler.on_event = [&](std::uint64_t, std::string_view line) {
      const auto x = value::from_json(line);
      has_ended = has_ended || (x && is_end(*x));
      return !has_ended;
    };
    handler.tick = [&] { return !deadline || clock::now() < *deadline; };
    const client::event_request which{after, {{"workflow", id_}, {"type", "workflow.status"}}};
    const auto how = client::follow_events(**own, which, handler, link_->patience());
    if (!how)
      return to_api(how.why());
    return has_ended;
  }

  /// The workflow's reason and the first tasks that failed of themselves.
  [[nodiscard]] std::string why_failed(std::string out) {
    constexpr int most_shown = 3;
    auto x = question({"workflows", id_, "tasks"});
    x.query = {{"failed", "true"}, {"limit", std::to_string(most_shown)}};
    const auto page = link_->get(x);
    if (!page)
      return out;
    for (const auto& task : (*page)["items"].items())
      out += (out.empty() ? "" : "; ") + described(task);
    return out;
  }

  const std::shared_ptr<head::impl> link_;
  const std::string id_;
  const std::vector<std::string> notes_;
  followers followers_;
};

} // namespace

std::shared_ptr<run_backend> make_remote_run(std::shared_ptr<head::impl> link, std::string id,
                                             std::vector<std::string> notes) {
  return std::make_shared<remote_run>(std::move(link), std::move(id), std::move(notes));
}

} // namespace muster::api
