#include "cli/program.hpp"

int main(int argc, char* argv[]) {
  return muster::cli::run_program(argc, argv);
}
