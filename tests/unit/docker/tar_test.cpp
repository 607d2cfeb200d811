#include "executors/docker/engine/tar.hpp"

#include "support/catch.hpp"
#include "support/subprocess.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>

using namespace muster;
using namespace muster::docker;

namespace {

namespace fs = std::filesystem;

/// What the system's tar makes of the archive.
void unpack(std::string archive, const fs::path& to) {
  const auto done = test::run({{"tar", "-x", "-p", "-f", "-", "-C", to.string()}, {}, std::move(archive)});
  INFO(done.err);
  REQUIRE(done.exit_code == 0);
}

std::string content_of(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

std::string long_path(std::size_t size) {
  std::string out = "d";
  while (out.size() + 51 < size)
    out += "/" + std::string(49, 'x');
  return out + "/" + std::string(size - out.size() - 1, 'f');
}

} // namespace

TEST_CASE("the system's tar unpacks what was written, with modes and times") {
  const test::temporary_folder folder;
  tar_writer tar;
  const std::string binary("\0\1\2\xff\n", 5);
  REQUIRE(tar.add_folder("in", {0750, 0, 0, 1'000'000}).ok());
  REQUIRE(tar.add_file("in/run.sh", "#!/bin/sh\n", {0755, 0, 0, 1'700'000'000}).ok());
  REQUIRE(tar.add_file("in/empty", "", {0600, 0, 0, 5}).ok());
  REQUIRE(tar.add_file("in/binary", binary, {0644, 0, 0, 5}).ok());
  REQUIRE(tar.add_file("in/block", std::string(512, 'b'), {0644, 0, 0, 5}).ok());
  auto archive = std::move(tar).finish();
  CHECK(archive.size() % 512 == 0);
  unpack(std::move(archive), folder.path());
  struct stat status {};
  REQUIRE(::stat((folder.path() / "in/run.sh").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0755);
  CHECK(status.st_mtime == 1'700'000'000);
  REQUIRE(::stat((folder.path() / "in").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0750);
  CHECK(content_of(folder.path() / "in/run.sh") == "#!/bin/sh\n");
  CHECK(content_of(folder.path() / "in/empty").empty());
  CHECK(content_of(folder.path() / "in/binary") == binary);
  CHECK(content_of(folder.path() / "in/block") == std::string(512, 'b'));
}

TEST_CASE("names of every length survive, in the prefix or in a pax header") {
  const test::temporary_folder folder;
  tar_writer tar;
  std::vector<std::string> names{std::string(100, 'n'), std::string(101, 'n'), std::string(255, 'n'),
                                 "d/" + std::string(150, 'y')};
  for (const std::size_t size :
       {98U, 99U, 100U, 101U, 102U, 150U, 155U, 156U, 157U, 200U, 255U, 256U, 257U, 258U, 600U, 1000U})
    names.push_back(long_path(size));
  for (const auto& name : names) {
    REQUIRE(tar.add_file(name, name, {}).ok());
    REQUIRE(tar.add_folder(name.substr(0, name.size() - 1) + "D", {0755, 0, 0, 0}).ok());
  }
  unpack(std::move(tar).finish(), folder.path());
  for (const auto& name : names) {
    INFO(name.size());
    CHECK(content_of(folder.path() / name) == name);
    CHECK(fs::is_directory(folder.path() / (name.substr(0, name.size() - 1) + "D")));
  }
}

TEST_CASE("what could leave the folder, or cannot be held, is refused") {
  tar_writer tar;
  for (const auto& path : std::vector<std::string>{"", "/etc/passwd", "../x", "a/../x", "a/..", ".", "./a", "a//b",
                                                   "a/", std::string("a\0b", 3), std::string(4097, 'x')}) {
    INFO(path);
    CHECK(tar.add_file(path, "", {}).failure().code == ec::invalid_argument);
    CHECK(tar.add_folder(path, {}).failure().code == ec::invalid_argument);
  }
  CHECK_FALSE(tar.add_file("a", "", {0644, 07777777 + 1, 0, 0}).ok());
  CHECK_FALSE(tar.add_file("a", "", {0644, 0, 07777777 + 1, 0}).ok());
  CHECK_FALSE(tar.add_file("a", "", {010000, 0, 0, 0}).ok());
  CHECK_FALSE(tar.add_file("a", "", {0644, 0, 0, -1}).ok());
  CHECK(std::move(tar).finish() == std::string(1024, '\0'));
}
