#include "actors/report_gatherer.hpp"

#include <utility>

namespace muster {

void report_gatherer::add(attempt_id id, report_kind good, report_kind bad, const result<void>& x) {
  attempt_report report;
  report.id = id;
  report.kind = x ? good : bad;
  if (!x) {
    report.problem = x.failure().code;
    report.exit.message = x.failure().message;
  }
  gathered_.push_back(std::move(report));
}

void report_gatherer::on_prepared(attempt_id id, result<void> x) {
  add(id, report_kind::prepared, report_kind::prepare_failed, x);
}

void report_gatherer::on_started(attempt_id id, result<void> x) {
  add(id, report_kind::started, report_kind::start_failed, x);
}

void report_gatherer::on_exited(attempt_id id, exit_result x) {
  gathered_.push_back({id, report_kind::exited, ec::none, std::move(x)});
}

void report_gatherer::add(attempt_id id, report_kind kind, ec problem, std::string text) {
  exit_result said;
  said.message = std::move(text);
  gathered_.push_back({id, kind, problem, std::move(said)});
}

void report_gatherer::on_lost(attempt_id id, std::string why) {
  add(id, report_kind::lost, ec::warden_lost, std::move(why));
}

void report_gatherer::on_displaced(attempt_id id, std::string why) {
  add(id, report_kind::displaced, ec::unavailable, std::move(why));
}

void report_gatherer::on_progress(attempt_id id, std::string text) {
  add(id, report_kind::progress, ec::none, std::move(text));
}

void report_gatherer::on_batch_end() {
  if (gathered_.empty())
    return;
  send(std::exchange(gathered_, {}));
}

} // namespace muster
