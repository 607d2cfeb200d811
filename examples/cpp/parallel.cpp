// The same workflow twice, side by side, and a step that waits for both.
#include <muster/muster.hpp>

#include <iostream>

namespace {

void branch(muster::scope& w) {
  const auto first = w.task("hello_stub", {"true"});
  const auto second =
      w.task("hello_shell", muster::shell(R"(echo "Hello World!"; echo '{"said": "Hello World!"}' > $MUSTER_RESULT)"));
  w.task("hello_again", {"echo", "after:", second.result("said")}).after(first);
}

} // namespace

int main() {
  muster::workflow w{"parallel"};
  const auto parallel_step = w.branches("parallel_step", {{"branch1", branch}, {"branch2", branch}});
  w.task("continue_processing", {"true"}).after(parallel_step);

  auto runtime = muster::local_runtime::start().or_throw();
  const auto run = runtime.submit(w).or_throw();
  const auto end = run.wait().or_throw();
  for (const auto* const task : {"parallel_step.branch1.hello_again", "parallel_step.branch2.hello_again"})
    std::cout << task << ": " << run.logs(task).or_throw();
  std::cout << run.id() << ' ' << muster::to_string(end.status) << '\n';
  return end.completed() ? 0 : 1;
}
