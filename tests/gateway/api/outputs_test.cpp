#include "api_fixture.hpp"

#include "gateway/api/tar_stream.hpp"
#include "gateway/http/target.hpp"
#include "muster/base/text.hpp"
#include "support/catch.hpp"
#include "support/subprocess.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/stat.h>

namespace fs = std::filesystem;
using namespace muster;
using namespace muster::test;

namespace {

/// A task that has ended, and the folder of what it wrote.
class output_fixture : public api_fixture {
public:
  output_fixture() : id(run(spec_of("work"))), folder(services().directory.output(id, "t0", 0)) {
    fs::create_directories(folder / "sub/deep");
    write("a.txt", "0123456789");
    write("sub/b c.txt", "bee");
    write("sub/deep/c", "");
  }

  void write(const std::string& name, const std::string& text) const { std::ofstream(folder / name) << text; }
  [[nodiscard]] std::string outputs(const std::string& rest = {}) const {
    return "/v1/workflows/" + id + "/tasks/t0/outputs" + rest;
  }
  /// A request whose body is read whole.
  answer fetch(const std::string& target, const std::vector<std::pair<std::string, std::string>>& headers = {}) const {
    auto parsed = http::parse_target(target);
    REQUIRE(parsed);
    http::request x;
    x.method = "GET";
    x.path = parsed->path;
    x.parts = parsed->parts;
    x.query = parsed->query;
    x.peer_is_local = true;
    x.id = "r1";
    x.headers.emplace("Host", "127.0.0.1:7717");
    for (const auto& [name, value] : headers)
      x.headers.emplace(name, value);
    auto got = routes().route(x);
    answer out{got.status, std::move(got.headers), std::move(got.body), nullptr};
    if (got.stream != nullptr) {
      while (got.stream->produce(out.text, 1000) == http::body_stream::next::more) {
      }
      CHECK(got.stream_length.value_or(out.text.size()) == out.text.size());
    }
    return out;
  }

  const std::string id;
  const fs::path folder;
};

} // namespace

TEST_CASE("outputs are listed folder by folder, in pages") {
  const output_fixture x;
  const auto all = x.get(x.outputs());
  REQUIRE(all.status == 200);
  REQUIRE(all.body["items"].size() == 2);
  CHECK(all.body["items"][0]["path"] == "a.txt");
  CHECK(all.body["items"][0]["type"] == "file");
  CHECK(all.body["items"][0]["size"] == 10);
  CHECK(all.body["items"][1]["type"] == "folder");
  CHECK(all.body["next"] == nullptr);
  CHECK(x.get(x.outputs("?path=sub")).body["items"][0]["path"] == "sub/b c.txt");
  const auto first = x.get(x.outputs("?limit=1"));
  CHECK(first.body["items"].size() == 1);
  const auto second = x.get(x.outputs("?limit=1&cursor=" + first.body["next"].get<std::string>()));
  CHECK(second.body["items"][0]["path"] == "sub");
  CHECK(second.body["next"] == nullptr);
  CHECK(x.get(x.outputs("?path=none")).status == 404);
  CHECK(x.get(x.outputs("?path=a.txt")).status == 404);
  CHECK(x.get(x.outputs("?attempt=1")).status == 404);
}

TEST_CASE("a file is downloaded whole, in part, and not again if it is known") {
  const output_fixture x;
  const auto all = x.fetch(x.outputs("/a.txt"));
  CHECK(all.status == 200);
  CHECK(all.text == "0123456789");
  CHECK(all.header("Content-Type") == "application/octet-stream");
  CHECK(all.header("Content-Disposition").find("attachment") == 0);
  CHECK(x.fetch(x.outputs("/sub/b%20c.txt")).text == "bee");
  CHECK(x.fetch(x.outputs("/sub/deep/c")).text.empty());
  const auto part = x.fetch(x.outputs("/a.txt"), {{"Range", "bytes=2-4"}});
  CHECK(part.status == 206);
  CHECK(part.text == "234");
  CHECK(part.header("Content-Range") == "bytes 2-4/10");
  CHECK(x.fetch(x.outputs("/a.txt"), {{"Range", "bytes=10-"}}).status == 416);
  const auto tag = all.header("ETag");
  CHECK(x.fetch(x.outputs("/a.txt"), {{"If-None-Match", tag}}).status == 304);
  CHECK(x.fetch(x.outputs("/a.txt"), {{"If-None-Match", "\"other\""}}).status == 200);
  CHECK(x.fetch(x.outputs("/a.txt"), {{"If-Modified-Since", all.header("Last-Modified")}}).status == 304);
  CHECK(x.fetch(x.outputs("/a.txt"), {{"Range", "bytes=2-4"}, {"If-Range", tag}}).status == 206);
  x.write("a.txt", "abcdefghijk");
  CHECK(x.fetch(x.outputs("/a.txt"), {{"If-None-Match", tag}}).status == 200);
  CHECK(x.fetch(x.outputs("/a.txt"), {{"Range", "bytes=2-4"}, {"If-Range", tag}}).text == "abcdefghijk");
}

TEST_CASE("nothing but what is in the folder is ever given out") {
  const output_fixture x;
  std::ofstream(x.folder.parent_path() / "secret") << "s3cr3t";
  fs::create_directories(x.folder.parent_path() / "output-of-another");
  std::ofstream(x.folder.parent_path() / "output-of-another/secret") << "s3cr3t";
  fs::create_symlink("/etc/passwd", x.folder / "absolute");
  fs::create_symlink("../secret", x.folder / "up");
  fs::create_symlink("..", x.folder / "parent");
  fs::create_symlink("/", x.folder / "sub/root");
  fs::create_symlink("sub/../../secret", x.folder / "around");
  fs::create_symlink("loop", x.folder / "loop");
  fs::create_symlink("/proc/self/root/etc/passwd", x.folder / "proc");
  REQUIRE(::mkfifo((x.folder / "pipe").c_str(), 0600) == 0);
  for (const auto* path :
       {"/absolute", "/up", "/parent/secret", "/sub/root/etc/passwd", "/around", "/loop", "/proc", "/pipe",
        "/..%2Fsecret", "/a.txt%2F..%2F..%2Fsecret", "/%2Fetc%2Fpasswd", "/sub", "/none", "/a.txt/x", "/sub/parent"}) {
    INFO(path);
    const auto got = x.fetch(x.outputs(path));
    CHECK(got.status == 404);
    CHECK(got.text.find("s3cr3t") == std::string::npos);
    CHECK(got.text.find("root:") == std::string::npos);
  }
  for (const auto* path : {"..", "../output-of-another", "/etc", "sub/root", "parent", "sub/../..", "/"}) {
    INFO(path);
    CHECK(x.get(x.outputs("?path=" + percent_encode(path))).status == 404);
  }
  // What stays inside may be linked to.
  fs::create_symlink("sub/b c.txt", x.folder / "inside");
  CHECK(x.fetch(x.outputs("/inside")).text == "bee");
  // A list shows links that lead out, and nothing of where they lead.
  const auto listed = x.get(x.outputs()).body;
  for (const auto& entry : listed["items"])
    if (entry["path"] == "absolute" || entry["path"] == "up")
      CHECK(entry["type"] == "other");
}

TEST_CASE("the output that was published is preferred to that of the latest attempt") {
  const output_fixture x;
  const auto other = x.folder.parent_path() / "published";
  fs::create_directories(other);
  std::ofstream(other / "p") << "published";
  fs::create_directory_symlink(other, x.services().directory.output_link(x.id, "t0"));
  CHECK(x.fetch(x.outputs("/p")).text == "published");
  CHECK(x.fetch(x.outputs("/p?attempt=0")).status == 404);
  CHECK(x.fetch(x.outputs("/a.txt?attempt=0")).status == 200);
}

TEST_CASE("archives have places") {
  const output_fixture x;
  std::vector<http::response> open;
  const auto ask = [&] {
    http::request asked;
    asked.method = "GET";
    asked.parts = {"v1", "workflows", x.id, "tasks", "t0", "outputs"};
    asked.query.emplace_back("format", "tar");
    return x.routes().route(asked);
  };
  for (int i = 0; i < 32; ++i) {
    open.push_back(ask());
    REQUIRE(open.back().status == 200);
  }
  const auto refused = x.fetch(x.outputs("?format=tar"));
  CHECK(refused.status == 503);
  CHECK_FALSE(refused.header("Retry-After").empty());
  CHECK(x.fetch(x.outputs()).status == 200);
  open.pop_back();
  CHECK(x.fetch(x.outputs("?format=tar")).status == 200);
}

TEST_CASE("the names of a large folder are read piece by piece, and its archive has them all") {
  const output_fixture x;
  const std::string long_name(100, 'n');
  std::set<std::string> wanted;
  fs::create_directories(x.folder / "many");
  for (int i = 0; i < 700; ++i) {
    wanted.insert(long_name + std::to_string(i));
    x.write("many/" + long_name + std::to_string(i), "");
  }
  const auto folder = gateway::open_folder(x.folder);
  REQUIRE(folder);
  const auto many = gateway::open_beneath(*folder, "many");
  REQUIRE(many);
  auto names = gateway::folder_names::of(*many);
  REQUIRE(names);
  std::set<std::string> seen;
  for (auto some = names->next(5000); !some.empty(); some = names->next(5000)) {
    CHECK(some.size() < 50);
    CHECK(std::is_sorted(some.begin(), some.end()));
    seen.insert(some.begin(), some.end());
  }
  CHECK(seen == wanted);
  const auto got = x.fetch(x.outputs("?format=tar"));
  REQUIRE(got.status == 200);
  for (const auto& name : wanted)
    CHECK(got.text.find("many/" + name) != std::string::npos);
}

TEST_CASE("a whole output is one archive that tar unpacks") {
  const output_fixture x;
  const std::string deep = "sub/" + std::string(90, 'd');
  fs::create_directories(x.folder / deep);
  x.write(deep + "/" + std::string(120, 'f'), std::string(5'000, 'x'));
  x.write("ünï", "names");
  fs::create_symlink("/etc/passwd", x.folder / "absolute");
  fs::create_symlink("a.txt", x.folder / "inside");
  fs::create_directory_symlink(".", x.folder / "again");
  const auto got = x.fetch(x.outputs("?format=tar"));
  REQUIRE(got.status == 200);
  CHECK(got.header("Content-Type") == "application/x-tar");
  const temporary_folder into;
  std::ofstream(into.path() / "x.tar", std::ios::binary) << got.text;
  fs::create_directories(into.path() / "out");
  command what;
  what.argv = {"tar", "-xf", into.path() / "x.tar", "-C", into.path() / "out"};
  const auto unpacked = muster::test::run(what);
  CHECK(unpacked.err.empty());
  REQUIRE(unpacked.exit_code == 0);
  const auto content = [&](const std::string& name) {
    std::ifstream file(into.path() / "out" / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  CHECK(content("a.txt") == "0123456789");
  CHECK(content("inside") == "0123456789");
  CHECK(content("sub/b c.txt") == "bee");
  CHECK(content("ünï") == "names");
  CHECK(content(deep + "/" + std::string(120, 'f')) == std::string(5'000, 'x'));
  CHECK(fs::exists(into.path() / "out/sub/deep/c"));
  CHECK_FALSE(fs::exists(into.path() / "out/absolute"));
  CHECK_FALSE(fs::exists(into.path() / "out/again"));
}
