#include <muster/muster.hpp>

#include <iostream>

int main() {
  muster::workflow w{"squares"};
  const auto work = w.map("work", {3, 4, 5}, muster::shell("echo $(($1 * $1)) > $MUSTER_RESULT", {muster::item()}));
  const auto show = w.task("show", {"echo", "all of them:", work});

  auto runtime = muster::local_runtime::start().or_throw();
  const auto run = runtime.submit(w).or_throw();
  run.wait().or_throw();
  std::cout << run.result(work).or_throw() << '\n' << run.logs(show).or_throw();
}
