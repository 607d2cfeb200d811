#include "support/catch.hpp"
#include "support/checkout.hpp"
#include "support/subprocess.hpp"

#include <sstream>
#include <string>
#include <vector>

using namespace muster::test;

namespace {

/// Names of OpenSSL's functions that the file itself has.
std::vector<std::string> functions_of_openssl(const std::vector<std::string>& options, const std::string& file) {
  command what;
  what.argv = {"nm", "--defined-only", "--extern-only"};
  what.argv.insert(what.argv.end(), options.begin(), options.end());
  what.argv.push_back(file);
  const auto listed = run(what);
  REQUIRE(listed.exit_code == 0);
  std::vector<std::string> out;
  std::istringstream lines{listed.out};
  std::size_t symbols = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto name = line.substr(line.rfind(' ') + 1);
    symbols += std::size_t{line.find(" T ") != std::string::npos};
    if (name.rfind("SSL_", 0) == 0 || name.rfind("ERR_", 0) == 0)
      out.push_back(name);
  }
  REQUIRE(symbols > 0);
  return out;
}

} // namespace

TEST_CASE("the program clears OpenSSL's errors for CAF, the library leaves OpenSSL alone") {
  const std::string library = MUSTER_LIBRARY;
  const bool is_shared = library.find(".so") != std::string::npos;
  CHECK(functions_of_openssl(is_shared ? std::vector<std::string>{"--dynamic"} : std::vector<std::string>{}, library)
            .empty());
  const auto program = functions_of_openssl({"--dynamic"}, in_build("muster"));
  CHECK(program == std::vector<std::string>{"SSL_read", "SSL_write"});
}
