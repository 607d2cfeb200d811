#include "muster/spec/gangs.hpp"

namespace muster::spec {

namespace {

void add_steps(const scope& x, std::vector<const step*>& out) {
  for (const auto& s : x.steps) {
    out.push_back(&s);
    if (const auto* inner = std::get_if<scope_ptr>(&s.body))
      add_steps(**inner, out);
    if (const auto* branches = std::get_if<branches_body>(&s.body))
      for (const auto& [name, branch] : branches->branches)
        add_steps(*branch, out);
    if (const auto* choice = std::get_if<switch_body>(&s.body)) {
      for (const auto& [name, branch] : choice->cases)
        add_steps(*branch, out);
      if (choice->otherwise)
        add_steps(*choice->otherwise, out);
    }
    if (s.on_failure)
      add_steps(*s.on_failure, out);
  }
}

} // namespace

std::vector<const step*> steps_of(const scope& x) {
  std::vector<const step*> out;
  add_steps(x, out);
  return out;
}

std::vector<const group*> gangs_of(const workflow& x) {
  std::vector<const group*> out;
  for (const auto& g : x.groups)
    out.push_back(&g);
  if (x.flow)
    for (const auto* s : steps_of(*x.flow))
      if (const auto* gang = std::get_if<group>(&s->body))
        out.push_back(gang);
  return out;
}

} // namespace muster::spec
