#include "arguments.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>

namespace muster::bench {

namespace {

constexpr int most = 1'000'000'000;

} // namespace

void take_arguments(int argc, char** argv, const char* purpose, const std::vector<argument>& all) {
  CLI::App app{purpose};
  for (const auto& x : all) {
    if (const auto* text = std::get_if<std::string*>(&x.value)) {
      app.add_option(x.name, **text, x.meaning)->capture_default_str();
      continue;
    }
    auto* number = std::get<int*>(x.value);
    auto* option = app.add_option(x.name, *number, x.meaning)->check(CLI::Range(1, most));
    if (*number != 0)
      option->capture_default_str();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    std::exit(app.exit(problem));
  }
}

} // namespace muster::bench
