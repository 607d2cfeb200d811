#include "muster/api/runtime.hpp"

#include "run_backend.hpp"

#include "muster/state/status.hpp"

namespace muster::api {

std::string_view to_string(status x) noexcept {
  return muster::to_string(static_cast<muster::status>(x));
}

const std::string& run::id() const noexcept {
  return backend_->id();
}

const std::vector<std::string>& run::notes() const noexcept {
  return backend_->notes();
}

api::result<outcome> run::wait() const {
  auto ended = backend_->wait(std::nullopt);
  if (!ended)
    return ended.failure();
  return std::move(**ended);
}

api::result<std::optional<outcome>> run::wait(std::chrono::milliseconds limit) const {
  return backend_->wait(limit);
}

api::result<api::status> run::status() const {
  return backend_->current_status();
}

api::result<value> run::result(const step& of) const {
  return backend_->result_of(of.path());
}

api::result<value> run::result(const element& of) const {
  return backend_->result_of(of.path());
}

api::result<value> run::result(const std::string& path) const {
  return backend_->result_of(path);
}

api::result<value> run::result() const {
  return backend_->result_of({});
}

api::result<std::string> run::logs(const step& of, std::size_t most) const {
  return backend_->logs(of.path(), most);
}

api::result<std::string> run::logs(const element& of, std::size_t most) const {
  return backend_->logs(of.path(), most);
}

api::result<std::string> run::logs(const std::string& task, std::size_t most) const {
  return backend_->logs(task, most);
}

api::result<void> run::follow_logs(const std::string& task,
                                   const std::function<bool(std::string_view)>& on_text) const {
  return backend_->follow_logs(task, on_text);
}

api::result<task_state> run::task(const std::string& name) const {
  return backend_->task(name);
}

api::result<void> run::cancel(const std::string& reason, bool force) const {
  return backend_->cancel(reason, force);
}

void run::on_event(std::function<void(const event&)> use, std::function<void(const api::result<void>&)> on_end) const {
  backend_->on_event(std::move(use), std::move(on_end));
}

} // namespace muster::api
