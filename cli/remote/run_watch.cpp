#include "cli/remote/run_watch.hpp"

#include "cli/remote/answers.hpp"
#include "cli/remote/store_writer.hpp"

#include <nlohmann/json.hpp>

#include <iostream>
#include <utility>

namespace muster::cli {

std::string nobody_runs(const std::string& id) {
  return "nobody runs it; to go on: muster resume " + id + ", or muster serve if a head ran it";
}

client::problem nobody_runs(const nlohmann::ordered_json& workflow) {
  const auto id = text_of(workflow, "id");
  return client::problem_of(error{ec::conflict, id + " is " + text_of(workflow, "status") + " and " + nobody_runs(id)});
}

run_probe::run_probe(const context& ctx, const head_choice& choice) {
  const auto elsewhere = means_other_machine(ctx, choice);
  if (auto directory = find_state_directory(ctx); elsewhere && !*elsewhere && directory)
    directory_ = std::move(*directory);
}

bool run_probe::is_run() const {
  return !directory_ || has_writer(*directory_);
}

bool run_watch::goes_on() {
  constexpr std::chrono::seconds patience{30};
  constexpr std::chrono::milliseconds interval{500};
  const auto now = clock::now();
  if (asked_ && now - *asked_ < interval)
    return goes_on_;
  asked_ = now;
  if (probe_.is_run()) {
    last_run_ = now;
    told_ = false;
  } else if (last_run_ && now - *last_run_ >= 2 * interval && !std::exchange(told_, true)) {
    // Not at once: the end may be on its way from one who is gone because of it.
    std::cerr << "muster: nobody runs " << id_ << " any more; waiting for a head to come back" << std::endl;
  }
  goes_on_ = last_run_ && now - *last_run_ < patience;
  return goes_on_;
}

} // namespace muster::cli
