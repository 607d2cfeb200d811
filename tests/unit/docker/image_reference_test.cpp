#include "executors/docker/engine/image_reference.hpp"

#include "support/catch.hpp"

#include <string>

using namespace muster;
using namespace muster::docker;

namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

struct good_case {
  std::string text;
  std::string registry;
  std::string repository;
  std::string version;
  std::string familiar;
};

} // namespace

TEST_CASE("a name of an image is read in full") {
  const std::vector<good_case> cases{
      {"alpine", "docker.io", "library/alpine", "latest", "alpine:latest"},
      {"alpine:3.18", "docker.io", "library/alpine", "3.18", "alpine:3.18"},
      {"user/app", "docker.io", "user/app", "latest", "user/app:latest"},
      {"docker.io/alpine", "docker.io", "library/alpine", "latest", "alpine:latest"},
      {"docker.io/library/alpine:1", "docker.io", "library/alpine", "1", "alpine:1"},
      {"index.docker.io/user/app", "docker.io", "user/app", "latest", "user/app:latest"},
      {"localhost/a", "localhost", "a", "latest", "localhost/a:latest"},
      {"host:5000/a/b:v1_2-x", "host:5000", "a/b", "v1_2-x", "host:5000/a/b:v1_2-x"},
      {"nvcr.io/nvidia/pytorch:24.03-py3", "nvcr.io", "nvidia/pytorch", "24.03-py3",
       "nvcr.io/nvidia/pytorch:24.03-py3"},
      {"a/b@" + digest, "docker.io", "a/b", digest, "a/b@" + digest},
      {"host:5000/a:t@" + digest, "host:5000", "a", digest, "host:5000/a:t@" + digest},
      {"[::1]:5000/a", "[::1]:5000", "a", "latest", "[::1]:5000/a:latest"},
      {"a/b/c__d/e---f.g", "docker.io", "a/b/c__d/e---f.g", "latest", "a/b/c__d/e---f.g:latest"},
      {"Host/a", "Host", "a", "latest", "Host/a:latest"},
  };
  for (const auto& one : cases) {
    INFO(one.text);
    const auto image = parse_image_reference(one.text);
    REQUIRE(image.ok());
    CHECK(image->registry == one.registry);
    CHECK(image->repository == one.repository);
    CHECK(image->version() == one.version);
    CHECK(image->familiar() == one.familiar);
    const auto again = parse_image_reference(image->familiar());
    REQUIRE(again.ok());
    CHECK(again->familiar() == one.familiar);
  }
}

TEST_CASE("what is no name of an image is refused") {
  for (const auto& text : std::vector<std::string>{"",
                                                   ":tag",
                                                   "@" + digest,
                                                   "Alpine",
                                                   "a//b",
                                                   "/a",
                                                   "a/",
                                                   "a:",
                                                   "a:-x",
                                                   "a:" + std::string(129, 'x'),
                                                   "a b",
                                                   "a@sha256:123",
                                                   "a@" + std::string(64, 'a'),
                                                   "a@sha256:" + std::string(64, 'G'),
                                                   "a___b",
                                                   "a..b",
                                                   "-a",
                                                   "a-",
                                                   "host:port/a",
                                                   "host:5000/",
                                                   "../a",
                                                   "a/../b",
                                                   "https://host/a",
                                                   std::string(64, 'a'),
                                                   "a\n",
                                                   "-h.x/a",
                                                   "host:5000/" + std::string(250, 'a'),
                                                   std::string("a\0b", 3)}) {
    INFO(text);
    const auto image = parse_image_reference(text);
    REQUIRE_FALSE(image.ok());
    CHECK(image.failure().code == ec::invalid_argument);
    CHECK(image.failure().message.find("is no name of an image: ") != std::string::npos);
  }
}
