#include "cli/program.hpp"

#include <malloc.h>

int main(int argc, char* argv[]) {
  // Actors come and go by the thousand: memory goes back to the system in large pieces, not with each of them.
  ::mallopt(M_TOP_PAD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 8 << 20);
  return muster::cli::run_program(argc, argv);
}
