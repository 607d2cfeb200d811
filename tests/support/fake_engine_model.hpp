#pragma once

#include "support/fake_engine.hpp"

#include <nlohmann/json.hpp>

/// The inside of `fake_engine`: what an Engine would know and answer. A value, so that an earlier state of it can be
/// kept.
namespace muster::test::engine_model {

using json = nlohmann::json;

struct log_line {
  std::int64_t time = 0; ///< ns since the epoch.
  bool to_stderr = false;
  std::string text;
};

struct container {
  engine_container facts;
  json create;
  bool oom = false;
  std::string error;
  int exits = 0; ///< How often it has ended.
  std::int64_t created = 0;
  std::int64_t started = 0;
  std::int64_t finished = 0;
  std::vector<log_line> log;
  std::map<std::string, std::string> archives;
  json endpoints = json::object(); ///< Network name -> settings.
};

struct network {
  std::string id;
  json create;
};

struct pull_failure {
  int status = 500;
  std::string message;
};

/// An answer that goes on: what it follows, and how far it has come.
struct stream {
  enum class kind : std::uint8_t { wait, logs, events } what = kind::events;
  std::string id;     ///< The container's.
  engine_call call;   ///< As it was asked.
  std::size_t at = 0; ///< The next log line or event.
  int exits = 0;      ///< Of the container, when a wait began.
};

struct reply {
  int status = 200;
  std::string body;
  std::string type = "application/json";
  std::optional<stream> goes_on;
};

/// The next bytes of a stream, and whether it ends after them.
struct portion {
  std::string bytes;
  bool last = false;
};

class model {
public:
  /// Serves a call.
  reply handle(const engine_call& call);
  portion next(stream& from) const;

  container* find(const std::string& name_or_id);
  const container* find(const std::string& name_or_id) const;
  /// Throws where there is none: a mistake of the test.
  container& get(const std::string& name_or_id);
  void finish(container& which, int exit_code, bool oom);
  void tell_of_memory(container& which, bool in_state);
  void remove(const std::string& id);
  void write(container& which, const std::string& line, bool to_stderr, std::int64_t time);
  /// All that run are ended, without events, as by a daemon that starts.
  void end_all();
  /// It was never started, says a daemon that was killed before it had written it down.
  static void forget_start(container& which);

  std::string api_version = "1.41";
  std::map<std::string, bool> images;
  std::map<std::string, pull_failure> failing_pulls;
  std::vector<std::pair<std::string, engine_script>> scripts;
  std::map<std::string, container> containers; ///< By id.
  std::map<std::string, network> networks;     ///< By name.
  std::map<std::string, int> exit_of_removed;
  std::map<std::string, int> created;
  std::map<std::string, int> started;
  std::vector<json> events;
  int repeat_events = 1;

private:
  /// Whether this version of the API or a newer one is spoken.
  [[nodiscard]] bool speaks(int minor) const;
  reply containers_call(const engine_call& call, const std::vector<std::string>& parts);
  reply create(const engine_call& call);
  reply start(container& which);
  reply stop(container& which, int exit_code);
  reply wait(const engine_call& call, const std::string& name);
  reply archive(container& which, const engine_call& call);
  reply remove_container(container& which, const engine_call& call);
  reply images_call(const engine_call& call);
  reply pull(const engine_call& call);
  reply networks_call(const engine_call& call, const std::vector<std::string>& parts);
  reply create_network(const engine_call& call);
  reply list(const engine_call& call) const;
  json inspect(const container& which) const;
  json inspect(const network& which) const;
  engine_script script_of(const std::string& name) const;
  void event(const std::string& type, const std::string& action, const std::string& id, json attributes);
  void event(const container& which, const std::string& action, json more = json::object());
  std::int64_t now();
  std::string new_id();

  std::int64_t last_time_ = 0;
  std::uint64_t ids_ = 0;
};

} // namespace muster::test::engine_model
