// Follows a head from another process: prints every event, and goes on where it was when the connection was lost.
//
//   MUSTER_TOKEN_FILE=ann.token example_monitor 127.0.0.1 7719 [SEQUENCE TO BEGIN AFTER]
#include "actors/protocol/monitor.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <thread>

using namespace muster::monitor;

namespace {

constexpr std::chrono::seconds limit{5};

/// Prints what comes, and gives credit for as much. Ends with the gate.
monitor_actor::behavior_type printer(monitor_actor::pointer self, gate_actor gate, std::uint64_t* last) {
  self->monitor(gate);
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  return {
      [=](batch_atom, const batch& x) {
        for (const auto& f : x.facts)
          std::cout << f.seq << ' ' << f.type << ' ' << f.workflow << ' ' << f.task << ' ' << f.status << std::endl;
        *last = x.bookmark;
        const auto used = x.facts.empty() ? 1U : static_cast<std::uint32_t>(x.facts.size());
        self->send(gate, credit_atom::value, x.number, used);
      },
      [=](gone_atom, const gone& x) {
        std::cerr << "events up to " << x.earliest << " were deleted" << std::endl;
        *last = x.earliest - 1;
        self->quit();
      },
  };
}

/// Follows one connection to its end.
void follow(caf::actor_system& system, const std::string& host, std::uint16_t port, std::uint64_t& last) {
  auto gate = system.middleman().remote_actor<gate_actor>(host, port);
  if (!gate)
    return;
  caf::scoped_actor self{system};
  const auto failed = [&](const caf::error& why) { std::cerr << system.render(why) << std::endl; };
  self->request(*gate, limit, hello_atom::value, hello{protocol_version, "example"})
      .receive([](const welcome& x) { std::cerr << "connected to log " << x.log_id << std::endl; }, failed);
  const auto reader = system.spawn(printer, *gate, &last);
  subscription all;
  all.after = last;
  if (const char* file = std::getenv("MUSTER_TOKEN_FILE"))
    std::ifstream{file} >> all.token;
  self->request(*gate, limit, subscribe_atom::value, all, reader)
      .receive([](std::uint64_t) {},
               [&](const caf::error& why) {
                 failed(why);
                 self->send_exit(reader, caf::exit_reason::user_shutdown);
               });
  self->wait_for(reader);
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    return std::cerr << "usage: example_monitor HOST PORT [AFTER]" << std::endl, 2;
  caf::actor_system_config config;
  configure(config);
  caf::actor_system system{config};
  std::uint64_t last = argc > 3 ? std::stoull(argv[3]) : 0;
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds{200}))
    follow(system, argv[1], static_cast<std::uint16_t>(std::stoul(argv[2])), last);
}
