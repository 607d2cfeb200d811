#include "executors/process/warden/orphans.hpp"

#include <csignal>

#include <unistd.h>

namespace muster::process {

std::vector<attempt_id> owners_of(const process_facts& facts, const std::optional<std::string>& folder,
                                  const std::vector<possible_owner>& alive,
                                  const std::map<pid_t, attempt_id>& known_sessions) {
  for (const auto& x : alive)
    if (facts.session == x.pid || facts.group == x.pid)
      return {x.id};
  if (const auto known = known_sessions.find(facts.session); known != known_sessions.end())
    return {known->second};
  if (folder)
    for (const auto& x : alive)
      if (x.folder == *folder)
        return {x.id};
  std::vector<attempt_id> out;
  for (const auto& x : alive)
    if (x.first_tick <= facts.start_ticks)
      out.push_back(x.id);
  return out;
}

namespace {

void send(pid_t pid, pid_t group, int signal) {
  ::kill(pid, signal);
  if (group > 1 && group != ::getpgrp())
    ::kill(-group, signal);
}

} // namespace

void end_politely(pid_t pid, pid_t group) {
  send(pid, group, SIGTERM);
  send(pid, group, SIGCONT);
}

void end_now(pid_t pid, pid_t group) {
  send(pid, group, SIGKILL);
}

std::vector<pid_t> survivors_of(pid_t session, std::string_view folder) {
  std::vector<pid_t> out;
  for (const auto pid : all_processes()) {
    const auto facts = facts_of(pid);
    if (!facts || facts->state == 'Z' || facts->state == 'X' || pid == ::getpid())
      continue;
    if ((session > 1 && facts->session == session) ||
        (!folder.empty() && initial_environment(pid, owner_variable) == std::string{folder}))
      out.push_back(pid);
  }
  return out;
}

} // namespace muster::process
