#pragma once

namespace muster::cli {

/// The whole program: parses the command line, runs the command, returns the exit code (`exit_code.hpp`).
[[nodiscard]] int run_program(int argc, char* argv[]);

} // namespace muster::cli
