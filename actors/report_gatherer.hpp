#pragma once

#include "actors/protocol/messages.hpp"
#include "executors/driver.hpp"

#include <string>

namespace muster {

/// Makes reports of a driver's calls, and passes on those of one row of calls together.
class report_gatherer : public driver_listener {
public:
  void on_prepared(attempt_id id, result<void> x) override;
  void on_started(attempt_id id, result<void> x) override;
  void on_exited(attempt_id id, exit_result x) override;
  void on_lost(attempt_id id, std::string why) override;
  void on_displaced(attempt_id id, std::string why) override;
  void on_progress(attempt_id id, std::string text) override;
  void on_batch_end() override;

private:
  /// Not called without any. On the driver's thread.
  virtual void send(report_list reports) = 0;
  void add(attempt_id id, report_kind good, report_kind bad, const result<void>& x);
  void add(attempt_id id, report_kind kind, ec problem, std::string text);

  report_list gathered_; ///< Touched by the driver's thread alone.
};

} // namespace muster
