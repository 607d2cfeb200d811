#include "muster/base/scheduling.hpp"

#include "support/catch.hpp"

#include <thread>

#include <sched.h>

using namespace muster;

TEST_CASE("a thread that interrupts nobody is alone in that") {
  int policy = -1;
  std::thread{[&] {
    interrupt_nobody();
    policy = ::sched_getscheduler(0);
  }}.join();
  CHECK(policy == SCHED_BATCH);
  CHECK(::sched_getscheduler(0) == SCHED_OTHER);
}

TEST_CASE("a thread that was given another policy keeps it") {
  int policy = -1;
  std::thread{[&] {
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_IDLE, &none);
    interrupt_nobody();
    policy = ::sched_getscheduler(0);
  }}.join();
  CHECK(policy == SCHED_IDLE);
}
