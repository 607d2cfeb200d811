#pragma once

#include "executors/docker/engine/credentials.hpp"
#include "executors/docker/engine/frames.hpp"
#include "executors/docker/engine/image_reference.hpp"
#include "executors/docker/engine/loop.hpp"
#include "executors/docker/engine/types.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::docker {

/// How long calls may take. Silence counts where an amount of work is not known beforehand.
struct client_options {
  std::chrono::milliseconds quick = std::chrono::seconds(60);      ///< Inspect, list, create, kill, networks, ...
  std::chrono::milliseconds start = std::chrono::minutes(5);       ///< Start.
  std::chrono::milliseconds remove = std::chrono::minutes(5);      ///< Remove.
  std::chrono::milliseconds upload = std::chrono::minutes(10);     ///< Archives.
  std::chrono::milliseconds pull_idle = std::chrono::minutes(10);  ///< Longest silence of a pull.
  std::chrono::milliseconds stop_extra = std::chrono::seconds(60); ///< Stop, beyond the grace that it was given.
};

/// Takes the outcome of a call, on the loop's thread.
template <class T>
using then = std::function<void(outcome<T>)>;

/// Which part of a log.
struct log_options {
  bool follow = true;
  bool output = true;
  bool errors = true;
  bool timestamps = true;
  std::optional<nano_timestamp> since; ///< Inclusive.
  log_format format = log_format::multiplexed;
};

/// What becomes of a log that is read.
struct log_handlers {
  std::function<void()> on_open; ///< May be empty.
  /// A record: see `frame_decoder`. With timestamps, `split_timestamp` takes the time off. Valid during the call.
  std::function<void(log_stream, std::string_view)> on_record;
  then<void> on_end; ///< With `follow` success means that the container has stopped, or was removed.
};

/// What becomes of events that are listened to.
struct event_handlers {
  std::function<void()> on_open; ///< From now on nothing is missed: what a list says after this is no older.
  std::function<void(engine_event)> on_event;
  then<void> on_end; ///< The stream never ends by itself unless `until` was given: listen again.
};

/// The Engine API of one daemon, as calls that answer later. All on the loop's thread, where all answers come too; each
/// returns the id by which `loop::cancel` ends it. Containers and networks go by id or name. Ids and names are not
/// believed in: they are encoded. Pending calls do not need this object any more.
class client {
public:
  /// `on` must outlive this.
  client(loop& on, endpoint where, client_options options = {});

  /// Agrees on a version: the lower of ours (1.47) and the daemon's. Fails with `unsupported` below 1.40. To be done
  /// first, and again after the daemon was away; until then calls name no version.
  call_id negotiate(then<api_version> done);
  /// What was agreed; nothing before.
  [[nodiscard]] std::optional<api_version> version() const;
  /// Whether it answers at all.
  call_id ping(then<void> done);
  call_id info(then<engine_info> done);

  // -- images

  /// `image` as the daemon may know it: a name or an id. `not_found` if it is not there.
  call_id inspect_image(std::string_view image, then<image_info> done);
  /// Pulls; `auth` is the value of X-Registry-Auth, or empty. Fails with `image_not_found`, `pull_denied`, `no_space`,
  /// `server_error` (the registry is away, say), `daemon_away`.
  call_id pull_image(const image_reference& image, const secret& auth,
                     std::function<void(const pull_progress&)> on_progress, then<void> done);

  // -- containers

  /// `config` is the JSON of the API (ContainerConfig with HostConfig and NetworkingConfig). `conflict` if the name is
  /// taken, with `holder`; `not_found` about an image or a network that is not there.
  call_id create_container(const std::string& name, std::string config, then<created_container> done);
  /// True if it was started by this, false if it ran already. A container that has exited is started again.
  call_id start_container(const std::string& container, then<bool> done);
  /// `on_registered` (may be empty) says that no end is missed from now on. A cut connection is `daemon_away`: inspect.
  call_id wait_container(const std::string& container, wait_condition until, std::function<void()> on_registered,
                         then<exit_status> done);
  call_id inspect_container(const std::string& container, then<container_info> done);
  /// Also those that do not run. Filters as `{"label", {"muster.head=x"}}`.
  call_id list_containers(const filter_map& filters, then<std::vector<container_summary>> done);
  /// The stop signal, and a kill `grace` (rounded up to seconds) later. True if it ran.
  call_id stop_container(const std::string& container, std::chrono::milliseconds grace, then<bool> done);
  /// `signal` as `SIGTERM` or a number. `conflict` if it does not run.
  call_id kill_container(const std::string& container, std::string_view signal, then<void> done);
  /// With `force` also one that runs; anonymous volumes go with it. `not_found` if it is gone, `conflict` if somebody
  /// else removes it right now.
  call_id remove_container(const std::string& container, bool force, then<void> done);
  /// Unpacks `tar` (see `tar_writer`) into the folder `path` of the container, which must exist; also before it starts.
  call_id upload_archive(const std::string& container, std::string_view path, std::string tar, then<void> done);
  /// Whether something is at `path` in the container's file system; links before the last part are followed. False also
  /// if there is no such container.
  call_id has_path(const std::string& container, std::string_view path, then<bool> done);
  /// Reads a log. `loop::pause` and `loop::resume` hold it back.
  call_id follow_log(const std::string& container, const log_options& which, log_handlers handlers);

  // -- events

  /// Listens. With `since`, older ones come first (the daemon keeps the last 256).
  call_id listen(const filter_map& filters, std::optional<nano_timestamp> since, std::optional<nano_timestamp> until,
                 event_handlers handlers);
  /// Whether this very process of the daemon made the container, and 256 newer events have not come since: what it
  /// remembers is lost with it. `now` is the daemon's time, see `info`.
  call_id remembers_making(const std::string& container, nano_timestamp now, then<bool> done);

  // -- networks

  /// `config` is the JSON of the API (with Name and CheckDuplicate). The id. `conflict` if the name is taken (names are
  /// not unique to every daemon), `address_taken` if its range is.
  call_id create_network(std::string config, then<std::string> done);
  call_id inspect_network(const std::string& network, then<network_info> done);
  call_id list_networks(const filter_map& filters, then<std::vector<network_info>> done);
  /// Fails with `conflict` while containers are connected.
  call_id remove_network(const std::string& network, then<void> done);
  /// `endpoint_config` is the JSON of the API (EndpointSettings), or empty.
  call_id connect_network(const std::string& network, const std::string& container, std::string_view endpoint_config,
                          then<void> done);
  call_id disconnect_network(const std::string& network, const std::string& container, bool force, then<void> done);

  [[nodiscard]] const endpoint& where() const noexcept { return *where_; }

private:
  struct agreement; ///< The version, shared with calls that are under way.

  [[nodiscard]] http_request request(std::string method, std::string path) const;
  [[nodiscard]] http_request post_json(std::string path, std::string body) const;
  [[nodiscard]] std::string container_path(const std::string& container, std::string_view rest = {}) const;
  [[nodiscard]] std::string network_path(const std::string& network, std::string_view rest = {}) const;

  loop& loop_;
  std::shared_ptr<const endpoint> where_;
  client_options options_;
  std::shared_ptr<agreement> agreed_;
};

} // namespace muster::docker
