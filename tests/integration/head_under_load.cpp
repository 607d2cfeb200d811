#include "head_under_load.hpp"

#include "gateway/client/events.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace muster::test {

using namespace std::chrono_literals;
using json = nlohmann::json;

// -- promises

void promises::submitted(const std::string& id) {
  const std::lock_guard lock{mutex_};
  ++acknowledged_;
  changed_.notify_all();
  if (!workflows_.emplace(id, false).second)
    complaints_ += "two submissions were answered with " + id + '\n';
}

void promises::canceled(const std::string& id) {
  const std::lock_guard lock{mutex_};
  ++acknowledged_;
  workflows_[id] = true;
  changed_.notify_all();
}

void promises::told(const std::string& line, std::uint64_t last) {
  const auto x = json::parse(line);
  const auto seq = x.at("seq").get<std::uint64_t>();
  const std::lock_guard lock{mutex_};
  if (seq != last + 1)
    complaints_ += "event " + std::to_string(seq) + " was told after " + std::to_string(last) + '\n';
  const auto [known, is_new] = lines_.emplace(seq, line);
  if (!is_new && known->second != line)
    complaints_ += "event " + std::to_string(seq) + " was told as " + known->second + " and as " + line + '\n';
  if (x.at("type") != "workflow.status" || !is_new)
    return;
  const auto status = x.at("status").get<std::string>();
  if (status != "COMPLETED" && status.rfind("FAILED", 0) != 0)
    return;
  const auto id = x.at("workflow").get<std::string>();
  const auto [end, first] = ends_.emplace(id, status);
  changed_.notify_all();
  if (!first)
    complaints_ += id + " ended as " + end->second + " and then as " + status + '\n';
}

void promises::complain(const std::string& what) {
  const std::lock_guard lock{mutex_};
  complaints_ += what + '\n';
}

std::size_t promises::acknowledged() const {
  const std::lock_guard lock{mutex_};
  return acknowledged_;
}

template <class Condition>
bool promises::wait(std::chrono::seconds deadline, Condition is_so) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, deadline, is_so);
}

bool promises::wait_for_acknowledged(std::size_t count, std::chrono::seconds deadline) const {
  return wait(deadline, [&] { return acknowledged_ >= count; });
}

bool promises::wait_for_ends(std::chrono::seconds deadline) const {
  const auto ended = [this](const auto& x) { return ends_.count(x.first) > 0; };
  return wait(deadline, [&] { return std::all_of(workflows_.begin(), workflows_.end(), ended); });
}

std::vector<std::string> promises::workflows() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> out;
  for (const auto& [id, canceled] : workflows_)
    out.push_back(id);
  return out;
}

bool promises::was_canceled(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  return workflows_.at(id);
}

std::string promises::end_of(const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto found = ends_.find(id);
  return found == ends_.end() ? std::string{} : found->second;
}

std::string promises::complaints() const {
  const std::lock_guard lock{mutex_};
  return complaints_;
}

// -- crowd

namespace {

/// One to three tasks in a row or side by side; each attempt leaves a line in a file of its own name.
std::string small_spec(const std::string& marks, std::mt19937_64& random) {
  const auto tasks = 1 + random() % 3;
  const bool in_a_row = random() % 2 == 0;
  std::string out = "workflow:\n  name: load\n  tasks:\n";
  for (std::uint64_t i = 0; i < tasks; ++i) {
    out += "  - name: t" + std::to_string(i) + "\n    image: none\n    command: [sh, -c, 'echo started >> " + marks +
           "/$MUSTER_WORKFLOW_ID.$MUSTER_TASK.$MUSTER_ATTEMPT; sleep 0.0" + std::to_string(random() % 9) + "']\n";
    if (in_a_row && i > 0)
      out += "    inputs: [{task: t" + std::to_string(i - 1) + "}]\n";
  }
  return out;
}

} // namespace

crowd::crowd(promises& told, std::string marks, std::size_t submitters, std::size_t subscribers, std::uint64_t seed)
    : told_(told), marks_(std::move(marks)), seen_(subscribers) {
  for (std::size_t i = 0; i < submitters; ++i)
    submitters_.emplace_back([this, own = seed * 1000 + i] { submit(own); });
  for (std::size_t i = 0; i < subscribers; ++i)
    subscribers_.emplace_back([this, i] { subscribe(i); });
}

crowd::~crowd() {
  submitting_ = false;
  stop();
  for (auto* all : {&submitters_, &subscribers_})
    for (auto& x : *all)
      if (x.joinable())
        x.join();
}

void crowd::stop() {
  const std::lock_guard lock{mutex_};
  stopping_ = true;
  changed_.notify_all();
}

void crowd::head_is_at(std::string address) {
  const std::lock_guard lock{mutex_};
  address_ = std::move(address);
  changed_.notify_all();
}

std::unique_ptr<client::http_client> crowd::connect() {
  client::http_config config;
  config.patience = 0ms; // The address may be another one next time.
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return stopping_ || !address_.empty(); });
    config.address = address_;
  }
  auto made = client::http_client::make(std::move(config));
  return made && !stopping_ ? std::move(*made) : nullptr;
}

void crowd::submit(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::unique_ptr<client::http_client> head;
  std::optional<client::request> open; // Not answered yet: sent again, as it was, until it is.
  std::string to_cancel;
  while (submitting_ || open) {
    if (stopping_)
      return;
    if (!head && !(head = connect()))
      return;
    if (!open) {
      open.emplace();
      open->method = "POST";
      if (!to_cancel.empty()) {
        open->path = client::path_of({"workflows", to_cancel, "cancel"});
        open->content_type = "application/json";
        open->body = R"({"message": "no more of it", "force": true})";
      } else {
        open->path = client::path_of({"workflows"});
        open->content_type = "application/yaml";
        open->body = small_spec(marks_, random);
        open->headers["Idempotency-Key"] = client::make_idempotency_key();
      }
    }
    const auto answer = head->send(*open);
    if (!answer && (answer.why().unreachable() || answer.why().status == 503)) {
      head.reset();
      std::this_thread::yield();
      continue;
    }
    const bool was_cancel = !to_cancel.empty();
    if (was_cancel) {
      if (answer)
        told_.canceled(to_cancel);
      else if (answer.why().code != "conflict") // It had ended.
        told_.complain("cancel of " + to_cancel + ": " + answer.why().detail);
      to_cancel.clear();
    } else if (!answer) {
      told_.complain("submission: " + answer.why().detail);
    } else {
      const auto id = json::parse(answer->body).at("id").get<std::string>();
      told_.submitted(id);
      if (random() % 4 == 0)
        to_cancel = id;
    }
    open.reset();
  }
}

void crowd::subscribe(std::size_t number) {
  std::uint64_t last = 0;
  while (!stopping_) {
    const auto head = connect();
    if (!head)
      return;
    client::event_handler handler;
    handler.on_event = [&](std::uint64_t seq, std::string_view line) {
      told_.told(std::string{line}, last);
      last = seq;
      const std::lock_guard lock{mutex_};
      seen_[number] = seq;
      changed_.notify_all();
      return !stopping_.load();
    };
    handler.tick = [this] { return !stopping_.load(); };
    const auto ended = client::follow_events(*head, {last, {}}, handler, 0ms);
    if (!ended && !ended.why().unreachable() && ended.why().status != 503)
      told_.complain("subscriber " + std::to_string(number) + ": " + ended.why().detail);
  }
}

void crowd::stop_submitting() {
  submitting_ = false;
  for (auto& x : submitters_)
    x.join();
}

bool crowd::finish(std::uint64_t last, std::chrono::seconds deadline) {
  const auto all = [&] { return std::all_of(seen_.begin(), seen_.end(), [&](auto x) { return x >= last; }); };
  const auto good = [&] {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, deadline, all);
  }();
  stop();
  for (auto& x : subscribers_)
    x.join();
  return good;
}

} // namespace muster::test
