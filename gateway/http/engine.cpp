#include "gateway/http/engine.hpp"

#include <exception>
#include <random>
#include <utility>

namespace muster::http {
namespace {

/// So that the requests of two runs of the service are told apart in logs.
std::string random_prefix() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;
  std::string x;
  for (int i = 0; i < 8; ++i)
    x += digits[random() % digits.size()];
  return x + '-';
}

} // namespace

engine::engine(server_config settings, handler how)
    : config(std::move(settings)), answer(std::move(how)),
      workers(std::make_shared<worker_pool>(config.workers, config.queue)),
      limits_(std::make_shared<const server_limits>(config)), id_prefix_(random_prefix()) {}

std::shared_ptr<const server_limits> engine::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

void engine::set_limits(const server_limits& x) {
  auto next = std::make_shared<const server_limits>(x);
  const std::lock_guard lock(mutex_);
  limits_.swap(next);
}

bool engine::admit(const std::string& peer) {
  const std::lock_guard lock(mutex_);
  auto& count = per_peer_[peer];
  if (admitted_ >= limits_->connections || count >= limits_->connections_per_peer) {
    if (count == 0)
      per_peer_.erase(peer);
    return false;
  }
  ++count;
  ++admitted_;
  return true;
}

void engine::add(std::shared_ptr<connection> x) {
  const std::lock_guard lock(mutex_);
  const auto* key = x.get();
  connections_.emplace(key, std::move(x));
}

void engine::remove(const connection* x, const std::string& peer) {
  std::shared_ptr<connection> last; // Destroyed without the lock.
  const std::lock_guard lock(mutex_);
  if (const auto found = connections_.find(x); found != connections_.end()) {
    last = std::move(found->second);
    connections_.erase(found);
  }
  --admitted_;
  if (const auto found = per_peer_.find(peer); found != per_peer_.end() && --found->second == 0)
    per_peer_.erase(found);
  if (admitted_ == 0)
    none_left_.notify_all();
}

std::vector<std::shared_ptr<connection>> engine::connections() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<connection>> all;
  all.reserve(connections_.size());
  for (const auto& [key, x] : connections_)
    all.push_back(x);
  return all;
}

void engine::forget_connections() {
  std::unordered_map<const connection*, std::shared_ptr<connection>> all; // Destroyed without the lock.
  const std::lock_guard lock(mutex_);
  all.swap(connections_);
}

std::size_t engine::connection_count() const {
  const std::lock_guard lock(mutex_);
  return admitted_;
}

bool engine::wait_for_none(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return none_left_.wait_until(lock, deadline, [this] { return admitted_ == 0; });
}

bool engine::reserve_body(std::size_t more) {
  if (body_bytes_.fetch_add(more) + more <= limits()->body_bytes_total)
    return true;
  body_bytes_.fetch_sub(more);
  return false;
}

void engine::release_body(std::size_t less) noexcept {
  body_bytes_.fetch_sub(less);
}

bool engine::reserve_answer(const std::string& peer, std::size_t size) {
  const std::lock_guard lock(mutex_);
  const auto most = limits_->answer_bytes_total;
  const auto found = answer_bytes_of_peer_.find(peer);
  const auto of_peer = found == answer_bytes_of_peer_.end() ? 0 : found->second;
  const bool fits = answer_bytes_ == 0 || answer_bytes_ + size <= most;
  if (!fits || (of_peer != 0 && of_peer + size > most / 2))
    return false;
  answer_bytes_ += size;
  answer_bytes_of_peer_[peer] += size;
  return true;
}

void engine::count_answer(const std::string& peer, std::size_t size) {
  const std::lock_guard lock(mutex_);
  answer_bytes_ += size;
  answer_bytes_of_peer_[peer] += size;
}

void engine::release_answer(const std::string& peer, std::size_t size) {
  const std::lock_guard lock(mutex_);
  answer_bytes_ -= size;
  if (const auto found = answer_bytes_of_peer_.find(peer);
      found != answer_bytes_of_peer_.end() && (found->second -= size) == 0)
    answer_bytes_of_peer_.erase(found);
}

std::size_t engine::answer_bytes() const {
  const std::lock_guard lock(mutex_);
  return answer_bytes_;
}

std::string engine::next_id() {
  return id_prefix_ + std::to_string(++ids_);
}

void engine::log(std::string_view message) const {
  if (config.log)
    config.log(message);
}

void engine::observe(const request& asked, const exchange& how) const {
  if (!config.observe)
    return;
  try {
    config.observe(asked, how);
  } catch (const std::exception& x) {
    log("the observer of answers failed: " + std::string(x.what()));
  }
}

} // namespace muster::http
