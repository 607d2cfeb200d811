#pragma once

#include "executors/docker/attempt_files.hpp"
#include "executors/docker/images.hpp"
#include "executors/docker/log_copier.hpp"
#include "executors/docker/retry.hpp"
#include "executors/docker/start_gate.hpp"
#include "executors/driver.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace muster::docker {

/// One attempt, as long as the driver knows it.
struct attempt {
  enum class phase : std::uint8_t {
    preparing, ///< Up to a container that could be started.
    prepared,
    queued,    ///< Waits for its turn to start.
    starting,  ///< The start was sent: it may run or have ended.
    running,   ///< It was started for certain.
    finishing, ///< How it ended is known; outputs and log are being completed.
    ended,     ///< All was said.
  };

  phase at = phase::preparing;
  attempt_id id;
  std::string name;      ///< Of its container.
  std::string container; ///< Its id; empty until it is known.
  std::string group;     ///< For fairness.
  std::filesystem::path folder;
  std::vector<spec::output> outputs;
  std::int64_t memory = 0; ///< Its limit.
  std::size_t max_result = default_max_result_bytes;
  std::string program;
  std::string image;
  bool then_start = false;
  bool was_started = false;

  // -- while it is prepared
  std::shared_ptr<const attempt_spec> spec; ///< Dropped when it is prepared.
  int parts_missing = 0;                    ///< Of image and network.
  images::ticket image_ticket = 0;
  std::shared_ptr<const image_info> found_image;
  std::string network;
  bool fixed_address = false;
  attempt_files files;
  std::string config;      ///< As it is sent; dropped when it is prepared.
  bool may_appear = false; ///< A call that makes it was sent, and what became of that is not known.
  int made_again = 0;      ///< How often something that it needs was gone.
  timer_id deadline = timer_id::none;

  // -- afterwards
  start_gate::ticket turn = 0;
  bool start_sent = false; ///< The call is under way.
  int starts = 0;          ///< How often it was sent, without those that are counted next.
  int starts_cut = 0;      ///< How often the daemon was away, or went away meanwhile.
  bool in_doubt = false;   ///< One was sent and has no answer: it may have been carried out.
  std::chrono::steady_clock::time_point sent_at;
  std::string start_problem; ///< What the daemon said of the last one.
  bool address_was_taken = false;
  bool checking = false;
  bool check_again = false;
  int doubts = 0;             ///< How often it is looked at again if it is said to run: somebody said that it ended.
  int absences = 0;           ///< How often in a row the daemon did not know it.
  bool out_of_memory = false; ///< The daemon told of a process of it that was killed for memory.
  std::optional<std::chrono::steady_clock::time_point> seen_killed; ///< When it was first seen, killed by nobody known.
  back_off pause;
  timer_id timer = timer_id::none; ///< Of the next try or look.

  bool stop_asked = false;
  bool stop_sent = false;
  std::chrono::steady_clock::time_point kill_at;
  std::chrono::milliseconds grace{};
  timer_id kill_timer = timer_id::none;

  std::unique_ptr<log_copier> log;
  std::function<void()> say_end; ///< When the log is complete.
};

using attempt_ref = std::shared_ptr<attempt>;

} // namespace muster::docker
