// Branches within branches: everything that can run at the same time does, at any depth.
#include <muster/muster.hpp>

#include <iostream>

namespace {

void leaf(muster::scope& w) {
  const auto s1 = w.task("s1", {"true"});
  const auto s2 = w.task("s2", {"echo", "Hello"}).after(s1);
  w.task("s3", {"true"}).after(s2);
}

void parallel(muster::scope& w) {
  w.branches("ps", {{"branch1", leaf}, {"branch2", leaf}});
}

} // namespace

int main() {
  muster::workflow w{"nesting"};
  w.branches("parallel_step", {{"branch1", parallel}, {"branch2", parallel}});

  auto runtime = muster::local_runtime::start().or_throw();
  const auto run = runtime.submit(w).or_throw();
  const auto end = run.wait().or_throw();
  for (const auto* const outer : {"branch1", "branch2"})
    for (const auto* const inner : {"branch1", "branch2"}) {
      const auto task = std::string("parallel_step.") + outer + ".ps." + inner + ".s2";
      std::cout << task << ": " << run.logs(task).or_throw();
    }
  std::cout << run.id() << ' ' << muster::to_string(end.status) << '\n';
  return end.completed() ? 0 : 1;
}
