#include "local_runtime.hpp"

#include "convert.hpp"
#include "run_backend.hpp"

#include "muster/flow/stored_result.hpp"

#include <algorithm>
#include <fstream>
#include <thread>
#include <utility>

namespace muster::api {

namespace {

constexpr auto poll_interval = std::chrono::milliseconds(50); // Logs grow without an event.

/// Reads what a file has from `offset` on, moving that; nothing where there is no file yet.
class log_reader {
public:
  explicit log_reader(std::filesystem::path file) : file_(std::move(file)) {}

  /// False if `use` wants no more.
  bool read(const std::function<bool(std::string_view)>& use) {
    std::ifstream from(file_, std::ios::binary);
    from.seekg(static_cast<std::streamoff>(offset_));
    std::string piece(std::size_t{64} << 10U, '\0');
    while (from) {
      from.read(piece.data(), static_cast<std::streamsize>(piece.size()));
      const auto count = static_cast<std::size_t>(std::max<std::streamsize>(from.gcount(), 0));
      offset_ += count;
      if (count > 0 && !use(std::string_view(piece).substr(0, count)))
        return false;
    }
    return true;
  }

private:
  std::filesystem::path file_;
  std::size_t offset_ = 0;
};

std::string last_bytes(const std::filesystem::path& file, std::size_t most) {
  std::ifstream from(file, std::ios::binary | std::ios::ate);
  if (!from)
    return {};
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(from.tellg(), 0));
  std::string out(std::min(size, most), '\0');
  from.seekg(static_cast<std::streamoff>(size - out.size()));
  from.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(std::max<std::streamsize>(from.gcount(), 0)));
  return out;
}

std::string described(const store::task_record& x) {
  auto out = x.name + " " + std::string(to_string(x.status));
  if (x.attempt && x.attempt->exit_code != no_exit_code)
    out += ", exit code " + std::to_string(x.attempt->exit_code);
  const bool says_more = x.attempt && x.reason == "exit code " + std::to_string(x.attempt->exit_code);
  return x.reason.empty() || says_more ? out : out + ": " + x.reason;
}

class local_run : public run_backend {
public:
  local_run(std::shared_ptr<local_runtime::impl> engine, muster::accepted_workflow accepted)
      : engine_(std::move(engine)), accepted_(std::move(accepted)) {
    engine_->note_live(accepted_.key);
  }

  [[nodiscard]] const std::string& id() const noexcept override { return accepted_.id; }
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept override { return accepted_.notes; }

  [[nodiscard]] result<std::optional<outcome>> wait(std::optional<std::chrono::milliseconds> limit) override {
    std::optional<std::chrono::steady_clock::time_point> deadline;
    if (limit)
      deadline = std::chrono::steady_clock::now() + *limit;
    const auto ended = engine_->engine().wait(accepted_.key, deadline);
    if (!ended) {
      if (const auto problem = engine_->engine().failure())
        return to_api(*problem);
      return std::optional<outcome>{};
    }
    outcome out{static_cast<status>(*ended), {}};
    if (!out.completed())
      out.reason = engine_->read([&](store::reader& reader) { return why_failed(reader); });
    return std::optional<outcome>{std::move(out)};
  }

  [[nodiscard]] result<status> current_status() override {
    const auto found = record();
    if (!found)
      return found.failure();
    return static_cast<status>(found->status);
  }

  [[nodiscard]] result<value> result_of(const std::string& path) override {
    return engine_->read([&](store::reader& reader) -> result<value> {
      const auto found = reader.workflow(accepted_.key);
      if (!found)
        return to_api(found.failure());
      const auto text = flow::stored_result(reader, *found, path);
      return text ? value::from_json(*text) : result<value>{to_api(text.failure())};
    });
  }

  [[nodiscard]] result<std::string> logs(const std::string& task, std::size_t most) override {
    const auto found = record_of(task);
    if (!found)
      return found.failure();
    if (!found->attempt)
      return {ec::not_found, "task " + described(*found) + ": it was not started"};
    return last_bytes(engine_->directory().log(accepted_.id, task, found->attempt->number), most);
  }

  [[nodiscard]] result<void> follow_logs(const std::string& task,
                                         const std::function<bool(std::string_view)>& on_text) override {
    std::uint32_t number = 0;
    std::optional<log_reader> log;
    while (true) {
      // Asked first, so that what was written before the end is read after it is known.
      const auto found = record_of(task);
      const auto whole = record();
      if (!whole)
        return whole.failure();
      if (!found && (found.failure().code != ec::not_found || is_group_finished(whole->status)))
        return found.failure();
      const bool begun = found && found->attempt;
      const auto latest = begun ? found->attempt->number : 0;
      if (!log && begun)
        log.emplace(engine_->directory().log(accepted_.id, task, number));
      while (log) {
        if (!log->read(on_text))
          return {};
        if (number >= latest)
          break;
        log.emplace(engine_->directory().log(accepted_.id, task, ++number));
      }
      if (found && is_group_finished(found->status))
        return {};
      if (const auto problem = engine_->engine().failure())
        return to_api(*problem);
      std::this_thread::sleep_for(poll_interval);
    }
  }

  [[nodiscard]] result<task_state> task(const std::string& name) override {
    const auto found = record_of(name);
    if (!found)
      return found.failure();
    task_state out;
    out.name = found->name;
    out.status = static_cast<status>(found->status);
    out.reason = found->reason;
    if (!found->attempt)
      return out;
    out.attempts = found->attempt->number + 1;
    out.node = found->attempt->node;
    if (found->attempt->exit_code != no_exit_code)
      out.exit_code = found->attempt->exit_code;
    return out;
  }

  [[nodiscard]] result<void> cancel(const std::string& reason, bool force) override {
    return to_api(engine_->engine().cancel(accepted_.key, reason, force));
  }

  void on_event(std::function<void(const event&)> use, std::function<void(const api::result<void>&)> on_end) override {
    engine_->feed().subscribe(accepted_.key, std::move(use), std::move(on_end));
  }

private:
  [[nodiscard]] result<store::workflow_record> record() {
    auto found = engine_->read([&](store::reader& reader) { return reader.workflow(accepted_.key); });
    if (!found)
      return to_api(found.failure());
    return *std::move(found);
  }

  [[nodiscard]] result<store::task_record> record_of(const std::string& task) {
    auto found = engine_->read([&](store::reader& reader) { return reader.task(accepted_.key, task); });
    if (!found)
      return to_api(found.failure());
    return *std::move(found);
  }

  /// The workflow's reason and the first tasks that failed of themselves.
  [[nodiscard]] std::string why_failed(store::reader& reader) const {
    constexpr std::size_t page_size = 1000;
    constexpr int most_shown = 3;
    std::string out;
    if (const auto whole = reader.workflow(accepted_.key))
      out = whole->reason;
    int shown = 0;
    for (task_index first{0};; first.value += page_size) {
      const auto page = reader.tasks(accepted_.key, first, page_size);
      if (!page)
        return out;
      for (const auto& x : *page) {
        if (!is_failed(x.status) || x.status == muster::status::failed_upstream)
          continue;
        out += (out.empty() ? "" : "; ") + described(x);
        if (++shown == most_shown)
          return out;
      }
      if (page->size() < page_size)
        return out;
    }
  }

  std::shared_ptr<local_runtime::impl> engine_;
  muster::accepted_workflow accepted_;
};

} // namespace

std::shared_ptr<run_backend> make_local_run(std::shared_ptr<local_runtime::impl> engine,
                                            muster::accepted_workflow accepted) {
  return std::make_shared<local_run>(std::move(engine), std::move(accepted));
}

} // namespace muster::api
