#include "muster/flow/machine.hpp"

#include "flow/engine.hpp"

#include <utility>

namespace muster::flow {

machine::machine(spec::scope_ptr definition) : engine_(std::make_unique<engine>(std::move(definition))) {}
machine::machine(machine&&) noexcept = default;
machine& machine::operator=(machine&&) noexcept = default;
machine::~machine() = default;

void machine::recall(std::vector<std::pair<std::string, recorded_gang>> recorded) {
  engine_->recall(std::move(recorded));
}

std::size_t machine::to_recall() const noexcept {
  return engine_->to_recall();
}

std::size_t machine::to_meet() const noexcept {
  return engine_->to_meet();
}

std::optional<gang> machine::next() {
  return engine_->next();
}

result<gang_values> machine::values_of(std::uint32_t gang) const {
  return engine_->values_of(gang);
}

void machine::started(std::uint32_t gang) {
  engine_->started(gang);
}

void machine::finished(std::uint32_t gang, gang_end how) {
  engine_->finished(gang, std::move(how));
}

void machine::cancel(const std::string& reason) {
  engine_->cancel(reason);
}

std::vector<std::pair<std::uint32_t, std::string>> machine::take_cancels() {
  return engine_->take_cancels();
}

std::vector<note> machine::take_notes() {
  return engine_->take_notes();
}

bool machine::done() const {
  return engine_->done();
}

muster::status machine::status() const {
  return engine_->status();
}

json_text machine::result_of_all() const {
  return engine_->result_of_all();
}

result<spec::template_value> machine::result_of(std::string_view path) const {
  return engine_->result_of(path);
}

const std::vector<std::string>& machine::borne() const {
  return engine_->borne();
}

void machine::track_borne() {
  engine_->track_borne();
}

std::vector<step_view> machine::view() const {
  return engine_->view();
}

} // namespace muster::flow
