// What a member of the gang of barrier_bench runs: writes when it began, and where it is, into the file that it is
// given. Linked statically, so that little happens before its first line. With --wait, it reads its input to the end
// and then runs the program that is named next.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  timespec began{};
  clock_gettime(CLOCK_MONOTONIC, &began);
  if (argc < 2)
    return 2;
  if (argc > 2 && std::strcmp(argv[1], "--wait") == 0) {
    char none = 0;
    while (read(0, &none, 1) > 0) {
    }
    execv(argv[2], argv + 2);
    return 1;
  }
  const int file = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0)
    return 1;
  const char* address = std::getenv("MUSTER_ADDRESS");
  dprintf(file, "%lld %s\n", static_cast<long long>(began.tv_sec) * 1'000'000'000 + began.tv_nsec,
          address == nullptr ? "-" : address);
  if (close(file) != 0)
    return 1;
  const long stay = argc > 2 ? std::atol(argv[2]) : 0;
  const timespec pause{stay / 1000, stay % 1000 * 1'000'000};
  return nanosleep(&pause, nullptr);
}
