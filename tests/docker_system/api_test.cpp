#include "muster/muster.hpp"

#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/temporary_folder.hpp"
using muster::list;
using muster::value;

TEST_CASE("a workflow built in C++ runs in containers") {
  const auto docker = muster::test::shared_docker();
  if (!docker)
    return;
  const muster::test::temporary_folder folder;
  muster::local_options options;
  options.state_directory = folder.path() / "state";
  options.pool = "docker";
  options.docker_host = "unix://" + docker->string();
  auto runtime = muster::local_runtime::start(options).or_throw();

  muster::workflow w{"contained"};
  const auto split =
      w.task("split", muster::shell("echo '[1, 2, 3]' > $MUSTER_RESULT; echo $HOSTNAME > {{output}}/host"));
  const auto work = w.map("work", split, muster::shell("echo $(($1 * 10)) > $MUSTER_RESULT", {muster::item()}));
  const auto merge = w.task("merge", muster::shell("echo got $1; cat $2", {work, split.output() + "/host"}));

  const auto refused = runtime.submit(w);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.failure().message,
             ContainsSubstring("step 'split': it names no image, and the pool runs containers"));

  w.image("busybox");
  const auto run = runtime.submit(w).or_throw();
  const auto end = run.wait().or_throw();
  INFO(end.reason);
  CHECK(end.completed());
  CHECK(run.result(work).or_throw() == value(list{10, 20, 30}));
  CHECK_THAT(run.logs(merge).or_throw(), ContainsSubstring("got [10,20,30]\n"));
}
