#include "support/catch.hpp"

#include "muster/spec/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace muster::spec;

namespace {

/// A folder of its own that goes away with the test.
class scratch_folder {
public:
  scratch_folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "muster-spec-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream{path_ / name, std::ios::binary} << text;
    return (path_ / name).string();
  }
  [[nodiscard]] std::string at(const std::string& name) const { return (path_ / name).string(); }

private:
  std::filesystem::path path_;
};

std::string first_error(const load_outcome& x) {
  REQUIRE_FALSE(x.ok());
  REQUIRE_FALSE(x.errors.empty());
  return render(x.errors[0]);
}

const std::string spec_start =
    "workflow:\n  name: wf\n  tasks:\n  - name: t\n    image: u\n    command: [sh]\n    files:\n";

} // namespace

TEST_CASE("what is no regular file of reasonable size is refused at once") {
  const scratch_folder folder;
  CHECK_THAT(first_error(load_file(folder.at("absent.yaml"))), ContainsSubstring("No such file"));
  CHECK_THAT(first_error(load_file(folder.at(""))), ContainsSubstring("is a folder"));
  REQUIRE(::mkfifo(folder.at("pipe").c_str(), 0600) == 0);
  CHECK_THAT(first_error(load_file(folder.at("pipe"))), ContainsSubstring("is a named pipe"));
  CHECK_THAT(load_file(folder.at("pipe")).errors.at(0).hint, ContainsSubstring("'-'"));
  CHECK_THAT(first_error(load_file("/dev/zero")), ContainsSubstring("is a device"));
  const auto big = folder.write("big.yaml", "");
  std::filesystem::resize_file(big, 100 << 20);
  CHECK_THAT(first_error(load_file(big)), ContainsSubstring("larger than 64 MiB"));
  const auto secret = folder.write("secret.yaml", "x");
  std::filesystem::permissions(secret, std::filesystem::perms::none);
  if (::geteuid() != 0)
    CHECK_THAT(first_error(load_file(secret)), ContainsSubstring("Permission denied"));
  CHECK_THAT(first_error(load_file(folder.write("bytes.yaml", "a: \xff\n"))),
             ContainsSubstring(":1:4: error: byte 3 of the text is not UTF-8"));
}

TEST_CASE("errors of a file name it") {
  const scratch_folder folder;
  const auto path = folder.write("a.yaml", "workflow:\n  name: wf\n");
  CHECK_THAT(first_error(load_file(path)),
             ContainsSubstring(path + ":2:3: error: workflow: expected at least one task"));
}

TEST_CASE("local files are read from beside the spec") {
  const scratch_folder folder;
  folder.write("scripts/run.sh", "echo {{output}} ${#x}\r\n");
  const auto path = folder.write("a.yaml", spec_start + "    - {path: /tmp/run.sh, localpath: scripts/run.sh}\n");
  const auto loaded = load_file(path);
  REQUIRE(loaded.ok());
  const auto& file = loaded.workflow->groups.at(0).tasks.at(0).files.at(0);
  CHECK(file.contents == "echo {{output}} ${#x}\n");
  CHECK_FALSE(file.base64);
}

TEST_CASE("a local file of bytes becomes base64, unless OSMO's verdict is asked for") {
  const scratch_folder folder;
  folder.write("data.bin", std::string("\x00\xff\x10", 3));
  const auto path = folder.write("a.yaml", spec_start + "    - {path: /tmp/data, localpath: data.bin}\n");
  const auto loaded = load_file(path);
  REQUIRE(loaded.ok());
  const auto& file = loaded.workflow->groups.at(0).tasks.at(0).files.at(0);
  CHECK(file.contents == "AP8Q");
  CHECK(file.base64);
  load_options osmo;
  osmo.profile = profile::osmo;
  CHECK_THAT(first_error(load_file(path, osmo)), ContainsSubstring("is not UTF-8"));
}

TEST_CASE("local files that cannot be are errors with a place") {
  const scratch_folder folder;
  const auto error_of = [&](const std::string& entry) {
    return first_error(load_file(folder.write("a.yaml", spec_start + "    - " + entry + "\n")));
  };
  CHECK_THAT(error_of("{path: /a, localpath: none.sh}"), ContainsSubstring("No such file"));
  CHECK_THAT(error_of("{path: /a, localpath: .}"), ContainsSubstring("is a folder"));
  CHECK_THAT(error_of("{path: /a, localpath: a.yaml, contents: x}"), ContainsSubstring("exclude each other"));
  CHECK_THAT(error_of("{path: /a, localpath: [x]}"), ContainsSubstring("expected a string, found a list"));
  CHECK_THAT(error_of("{path: /a}"), ContainsSubstring("`contents` is missing"));
  load_options remote;
  remote.read_local_files = false;
  const auto loaded = load(spec_start + "    - {path: /a, localpath: /etc/passwd}\n", remote);
  CHECK_THAT(first_error(loaded), ContainsSubstring("cannot be read here"));
}
