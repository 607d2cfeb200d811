#include "docker_subject.hpp"

#include "executors/docker/docker_driver.hpp"
#include "executors/docker/engine/client.hpp"
#include "support/docker_daemon.hpp"

#include <functional>
#include <future>

namespace muster::test {

namespace {

using namespace muster::docker;

std::string head_of(const std::filesystem::path& state) {
  auto number = std::hash<std::string>{}(state.string());
  std::string out;
  for (int i = 0; i < 12; ++i, number >>= 4U)
    out += "0123456789abcdef"[number & 0xfU];
  return out;
}

template <class T>
docker::outcome<T> ask(loop& on, const std::function<void(then<T>)>& call) {
  return wait_for<docker::outcome<T>>(on, [&](std::function<void(docker::outcome<T>)> done) { call(std::move(done)); });
}

std::size_t look_at_everything(const std::filesystem::path& socket, const std::filesystem::path& state, bool remove) {
  loop on;
  client engine(on, *parse_endpoint(socket.string()));
  const filter_map ours{{"label", {"muster.head=" + head_of(state)}}};
  std::size_t count = 0;
  const auto containers =
      ask<std::vector<container_summary>>(on, [&](auto done) { engine.list_containers(ours, std::move(done)); });
  if (containers)
    for (const auto& x : *containers) {
      ++count;
      if (remove)
        static_cast<void>(ask<void>(on, [&](auto done) { engine.remove_container(x.id, true, std::move(done)); }));
    }
  const auto networks =
      ask<std::vector<network_info>>(on, [&](auto done) { engine.list_networks(ours, std::move(done)); });
  if (networks)
    for (const auto& x : *networks) {
      ++count;
      if (remove)
        static_cast<void>(ask<void>(on, [&](auto done) { engine.remove_network(x.id, std::move(done)); }));
    }
  return count;
}

subject docker_subject(const std::filesystem::path& socket) {
  subject out;
  out.name = "docker";
  out.durable = true;
  out.make = [socket](const std::filesystem::path& state) {
    return make_docker_driver(docker_test_config(socket, state));
  };
  out.shape = [](attempt_spec& spec, const wish& x) {
    const std::string trap = x.ignores_polite_signal ? "trap '' TERM; " : "";
    const auto seconds =
        std::to_string(x.run.count() / 1000) + '.' + std::to_string(x.run.count() % 1000 + 1000).substr(1);
    const std::string sleep = x.run.count() > 0 ? "sleep " + seconds + "; " : "";
    const auto result = x.result.empty() ? std::string{} : "printf %s '" + x.result + "' > $MUSTER_RESULT; ";
    say_shell(spec, trap + "touch {{output}}/ready; " + sleep + result + "exit " + std::to_string(x.exit));
  };
  out.run_script = say_shell;
  out.settled = [](const attempt_spec& spec) { return std::filesystem::exists(spec.folder / "output" / "ready"); };
  out.spoil_prepare = [](attempt_spec& spec) { spec.task.image = "Not An Image"; };
  out.spoil_start = [](attempt_spec& spec) { spec.gpus = {0}; };
  out.clean = [socket](const std::filesystem::path& state) { remove_everything(socket, state); };
  return out;
}

} // namespace

void say_shell(attempt_spec& spec, const std::string& script) {
  spec.task.image = "busybox";
  spec.task.command = {"sh", "-c", script};
}

docker_pool_config docker_test_config(const std::filesystem::path& socket, const std::filesystem::path& state) {
  docker_pool_config out;
  out.host = "unix://" + socket.string();
  out.state_directory = state;
  out.head = head_of(state);
  return out;
}

std::size_t remove_everything(const std::filesystem::path& socket, const std::filesystem::path& state) {
  return look_at_everything(socket, state, true);
}

std::size_t count_everything(const std::filesystem::path& socket, const std::filesystem::path& state) {
  return look_at_everything(socket, state, false);
}

std::string container_state(const std::filesystem::path& socket, const std::string& name) {
  loop on;
  client engine(on, *parse_endpoint(socket.string()));
  const auto found = ask<container_info>(on, [&](auto done) { engine.inspect_container(name, std::move(done)); });
  if (!found)
    return {};
  switch (found->status) {
    case container_status::created: return "created";
    case container_status::running: return "running";
    case container_status::exited: return "exited";
    default: return "other";
  }
}

const std::vector<subject>& subjects() {
  static const auto all = [] {
    std::vector<subject> out;
    if (const auto socket = shared_docker())
      out.push_back(docker_subject(*socket));
    return out;
  }();
  return all;
}

} // namespace muster::test
