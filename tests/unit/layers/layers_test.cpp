#include "support/catch.hpp"
#include "support/checkout.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

/// Holds the tree to docs/architecture.md: includes point down only, and CAF is known in actors/ alone.
namespace {

namespace fs = std::filesystem;

/// From the bottom up: a layer may include itself and what comes before it.
const std::vector<std::string> layers{"libruntime", "executors", "actors", "gateway", "cli", "libmuster"};

struct source_include {
  fs::path file;
  std::string name; ///< Between the quotes or brackets.
};

bool is_source(const fs::path& path) {
  return path.extension() == ".hpp" || path.extension() == ".cpp";
}

std::vector<source_include> includes_of(const std::string& layer) {
  std::vector<source_include> found;
  const auto root = fs::path(muster::test::in_source()) / layer;
  if (!fs::exists(root))
    return found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || !is_source(entry.path()))
      continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.rfind("#include", 0) != 0)
        continue;
      const auto begin = line.find_first_of("\"<");
      const auto end = line.find_last_of("\">");
      if (begin != std::string::npos && end > begin)
        found.push_back({entry.path(), line.substr(begin + 1, end - begin - 1)});
    }
  }
  return found;
}

/// The layer that an include reaches into; empty for what is not ours.
std::string layer_of(const std::string& include) {
  const auto folder = include.substr(0, include.find('/'));
  if (include == "muster/muster.hpp" || include.rfind("muster/api/", 0) == 0)
    return "libmuster";
  if (folder == "muster")
    return "libruntime";
  return std::find(layers.begin(), layers.end(), folder) == layers.end() ? std::string{} : folder;
}

} // namespace

TEST_CASE("includes point down only") {
  for (auto layer = layers.begin(); layer != layers.end(); ++layer)
    for (const auto& include : includes_of(*layer)) {
      const auto target = std::find(layers.begin(), layers.end(), layer_of(include.name));
      INFO(include.file << " includes " << include.name);
      CHECK((target == layers.end() || target <= layer));
    }
}

TEST_CASE("CAF is included in actors alone") {
  for (const auto& layer : layers)
    for (const auto& include : includes_of(layer)) {
      INFO(include.file << " includes " << include.name);
      CHECK((layer == "actors" || include.name.rfind("caf/", 0) != 0));
    }
}

TEST_CASE("Boost is included by the sources of the HTTP server alone") {
  const auto server = fs::path(muster::test::in_source("gateway/http"));
  for (const auto& layer : layers)
    for (const auto& include : includes_of(layer)) {
      INFO(include.file << " includes " << include.name);
      CHECK((include.name.rfind("boost/", 0) != 0 ||
             (include.file.parent_path() == server && include.file.extension() == ".cpp")));
    }
}

TEST_CASE("above the actors only their facade is known") {
  for (const auto* layer : {"gateway", "cli", "libmuster"})
    for (const auto& include : includes_of(layer)) {
      INFO(include.file << " includes " << include.name);
      // What removes the past works through the facade alone.
      const bool facade = include.name == "actors/runtime.hpp" || include.name == "actors/retention.hpp" ||
                          include.name == "actors/agents/agent.hpp" || // That of a node.
                          include.name == "actors/link_certificates.hpp";
      CHECK((layer_of(include.name) != "actors" || facade));
    }
}

TEST_CASE("cli and libmuster do not know each other") {
  for (const auto& include : includes_of("libmuster")) {
    INFO(include.file << " includes " << include.name);
    // Of the gateway only its client, which links neither the server nor actors.
    const bool foreign = layer_of(include.name) == "gateway" && include.name.rfind("gateway/client/", 0) != 0;
    CHECK((layer_of(include.name) != "cli" && !foreign));
  }
}

TEST_CASE("the headers of the API include each other and the standard library only") {
  for (const auto& include : includes_of("libmuster/include")) {
    INFO(include.file << " includes " << include.name);
    CHECK((layer_of(include.name) == "libmuster" || include.name.find_first_of("./") == std::string::npos));
  }
}

TEST_CASE("SQLite is included by the store alone") {
  const auto store = fs::path(muster::test::in_source("libruntime/src/store"));
  for (const auto& layer : layers)
    for (const auto& include : includes_of(layer)) {
      INFO(include.file << " includes " << include.name);
      CHECK((include.name != "sqlite3.h" || include.file.parent_path() == store));
    }
}

TEST_CASE("libruntime opens no sockets and starts no threads") {
  constexpr std::array<const char*, 6> foreign{"thread",      "sys/socket.h", "netinet/in.h",
                                               "curl/curl.h", "future",       "pthread.h"};
  for (const auto& include : includes_of("libruntime")) {
    INFO(include.file << " includes " << include.name);
    CHECK(std::find(foreign.begin(), foreign.end(), include.name) == foreign.end());
  }
}

TEST_CASE("a source includes its own header first, so that the header compiles alone") {
  std::map<fs::path, std::string> first;
  for (const auto& layer : layers)
    for (const auto& include : includes_of(layer))
      first.emplace(include.file, include.name);
  for (const auto& [file, name] : first) {
    auto own = file.lexically_relative(muster::test::in_source()).generic_string();
    if (file.extension() != ".cpp")
      continue;
    own.replace(own.size() - 4, 4, ".hpp");
    const auto beside = own;
    if (own.rfind("libruntime/src/", 0) == 0)
      own.replace(0, 15, "libruntime/include/muster/");
    for (const auto& header : {own, beside})
      if (fs::exists(fs::path(muster::test::in_source()) / header)) {
        INFO(file << " includes " << name << " first, not " << header);
        CHECK(fs::path(name).filename() == fs::path(header).filename());
      }
  }
}

TEST_CASE("a test that lacks something counts as skipped, not as passed") {
  const auto here = fs::path(muster::test::in_source("tests/unit/layers/layers_test.cpp"));
  for (const auto& entry : fs::recursive_directory_iterator(muster::test::in_source("tests"))) {
    if (!entry.is_regular_file() || !is_source(entry.path()) || entry.path() == here)
      continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      INFO(entry.path() << ": use skip_test in " << line);
      CHECK(line.find("WARN(\"skipped: ") == std::string::npos);
    }
  }
}

TEST_CASE("the reading itself finds what is there") {
  CHECK(includes_of("libruntime").size() > 100);
  CHECK(layer_of("muster/base/result.hpp") == "libruntime");
  CHECK(includes_of("libmuster/include").size() > 10);
  CHECK(layer_of("actors/group.hpp") == "actors");
  CHECK(layer_of("vector").empty());
  CHECK(layer_of("sys/stat.h").empty());
}
