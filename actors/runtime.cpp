#include "actors/runtime.hpp"

#include "actors/restore.hpp"
#include "actors/runtime_impl.hpp"

#include <functional>
#include <future>
#include <optional>
#include <utility>

namespace muster {

namespace {

struct opened_store {
  store::writer writer;
  timestamp recorded_until;
};

result<opened_store> open_store(const store::state_directory& directory, store::writer_lock lock,
                                std::future<result<std::string>> empty) {
  auto bytes = empty.valid() ? empty.get() : std::string{};
  if (!bytes)
    return bytes.failure();
  auto writer = store::writer::open(directory, std::move(lock), {}, *std::move(bytes));
  if (!writer)
    return writer.failure();
  auto reader = store::reader::open(directory);
  if (!reader)
    return reader.failure();
  const auto until = recorded_until(*reader);
  if (!until)
    return until.failure();
  return opened_store{std::move(*writer), *until};
}

} // namespace

result<std::unique_ptr<runtime>> runtime::start(runtime_config config) {
  store::state_directory directory{config.state_directory};
  auto lock = store::writer_lock::take(directory);
  if (!lock)
    return lock.failure();
  std::optional<result<opened_store>> opened;
  std::future<result<opened_store>> making;
  // To make a store takes about as long as to launch a warden or ask a daemon, so both go on at once. One that is there
  // may be refused, and drivers touch nothing before that is known.
  if (!directory.has_store())
    making = std::async(std::launch::async, open_store, std::cref(directory), *std::move(lock),
                        std::move(config.empty_store));
  else if (opened.emplace(open_store(directory, *std::move(lock), {})); !*opened)
    return opened->failure();
  auto pools = pool_set::probe(std::move(config.pools), config.default_pool, config.any_pool_name);
  if (making.valid())
    opened.emplace(making.get());
  if (!*opened)
    return opened->failure();
  if (!pools)
    return pools.failure();
  if (auto read = (*pools)->read_nodes(directory); !read)
    return read.failure();
  if (config.can_edit_policies)
    if (auto read = (*pools)->read_policies(directory); !read)
      return read.failure();
  return std::unique_ptr<runtime>{
      new runtime{std::make_unique<impl>(std::move(config), std::move(directory), std::move((*opened)->writer),
                                         std::move(*pools), (*opened)->recorded_until)}};
}

runtime::runtime(std::unique_ptr<impl> x) : impl_(std::move(x)) {}
runtime::~runtime() = default;

void runtime::set_limits(const runtime_limits& x) {
  impl_->set_limits(x);
}

result<void> runtime::set_policy(const std::string& pool, const config::pool_policy& policy) {
  return impl_->set_policy(pool, policy);
}

result<policy_in_force> runtime::edit_policy(const std::string& pool, const policy_edit& edit) {
  return impl_->edit_policy(pool, edit);
}

result<void> runtime::make_pool(new_pool x) {
  return impl_->make_pool(std::move(x));
}

result<void> runtime::remove_pool(const std::string& name) {
  return impl_->remove_pool(name);
}

void runtime::subscribe(event_handler handler) {
  impl_->subscribe(std::move(handler));
}

result<accepted_workflow> runtime::submit(const spec::workflow& workflow, submission_info info) {
  return impl_->submit(workflow, std::move(info));
}

result<std::uint16_t> runtime::publish_monitors(const std::string& address, std::uint16_t port,
                                                monitor_admission admit) {
  return impl_->publish_monitors(address, port, std::move(admit));
}

void runtime::between_connections(const std::function<void()>& what) {
  impl_->between_connections(what);
}

result<std::uint16_t> runtime::publish_agents(const std::string& address, std::uint16_t port, node_admission admit) {
  return impl_->publish_agents(address, port, std::move(admit));
}

result<std::vector<std::string>> runtime::nodes_met() const {
  return impl_->nodes_met();
}

result<void> runtime::assign_node(const node_assignment& x) {
  return impl_->assign_node(x);
}

result<std::uint64_t> runtime::remove_node(const std::string& node, bool force) {
  return impl_->remove_node(node, force);
}

muster::measures runtime::measures() const {
  return impl_->measures();
}

result<std::vector<pool_view>> runtime::pools(std::optional<std::chrono::milliseconds> limit) const {
  return impl_->pools(limit);
}

result<pool_view> runtime::pool(const std::string& name, std::optional<std::chrono::milliseconds> limit) const {
  return impl_->pool(name, limit);
}

result<std::vector<std::string>> runtime::check(const spec::workflow& workflow, const std::string& pool,
                                                const submission_terms& terms) const {
  return impl_->check(workflow, pool, terms);
}

result<std::vector<group_wait>> runtime::why_waiting(workflow_key workflow, const std::vector<group_index>& groups,
                                                     std::optional<std::chrono::milliseconds> limit) const {
  return impl_->why_waiting(workflow, groups, limit);
}

result<recovery_report> runtime::recover(const recovery_handler& on_progress) {
  return impl_->recover(on_progress);
}

std::string runtime::why_held(workflow_key workflow) const {
  return impl_->why_held(workflow);
}

void runtime::stop_admitting() {
  impl_->stop_admitting();
}

result<accepted_workflow> runtime::resume(const std::string& id) {
  return impl_->resume(id);
}

result<accepted_workflow> runtime::retry(const std::string& id, const retry_request& request) {
  return impl_->retry(id, request);
}

result<void> runtime::cancel(workflow_key workflow, const std::string& message, bool force) {
  return impl_->cancel(workflow, message, force);
}

result<void> runtime::remove(const std::string& id, const std::string& text) {
  return impl_->remove(id, text);
}

result<std::int64_t> runtime::record(store::service_change x) {
  return impl_->record(std::move(x));
}

void runtime::note(store::service_change x) {
  impl_->note(std::move(x));
}

std::optional<status> runtime::wait(workflow_key workflow,
                                    std::optional<std::chrono::steady_clock::time_point> deadline) {
  return impl_->ended().wait(workflow, deadline);
}

std::optional<error> runtime::failure() const {
  return impl_->ended().failure();
}

} // namespace muster
