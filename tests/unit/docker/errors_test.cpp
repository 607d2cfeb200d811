#include "executors/docker/engine/errors.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace muster;
using namespace muster::docker;

namespace {

struct answer_case {
  int status;
  std::string message;
  object about;
  call_kind call;
  failure kind;
  object expected_about;
};

std::string json_of(const std::string& message) {
  std::string out = R"({"message":")";
  for (const char c : message)
    out += c == '"' ? std::string("\\\"") : std::string(1, c);
  return out + "\"}";
}

} // namespace

TEST_CASE("answers of daemons are told apart") {
  // Messages of dockerd 20.10 to 27.
  const std::vector<answer_case> cases{
      {404, "No such container: x", object::container, call_kind::other, failure::not_found, object::container},
      {404, "No such image: nope:1", object::container, call_kind::other, failure::not_found, object::image},
      {404, "network tnet not found", object::container, call_kind::other, failure::not_found, object::network},
      {404, "Could not find the file /x in container t", object::container, call_kind::other, failure::bad_request,
       object::container},
      {409, "Cannot kill container: t: Container abc is not running", object::container, call_kind::other,
       failure::conflict, object::container},
      {500, "mkdir /var/lib/docker/overlay2/x: no space left on device", object::container, call_kind::other,
       failure::no_space, object::container},
      {500, R"(could not select device driver "nvidia" with capabilities: [[gpu]])", object::container,
       call_kind::other, failure::no_gpu_runtime, object::container},
      {400, "Unknown runtime specified nvidia", object::container, call_kind::other, failure::no_gpu_runtime,
       object::container},
      {400, "unknown or invalid runtime name: nvidia", object::container, call_kind::other, failure::no_gpu_runtime,
       object::container},
      {400, "unknown or invalid runtime name: kata", object::container, call_kind::other, failure::bad_request,
       object::container},
      {403, "Pool overlaps with other one on this address space", object::network, call_kind::other,
       failure::address_taken, object::network},
      {403, "Address already in use", object::container, call_kind::other, failure::address_taken, object::container},
      {400, "invalid reference format", object::image, call_kind::pull, failure::bad_request, object::image},
      {500, "Get \"https://r/v2/\": dial tcp: lookup r: no such host", object::image, call_kind::pull,
       failure::server_error, object::image},
      {404, "manifest for alpine:nope not found: manifest unknown: manifest unknown", object::image, call_kind::pull,
       failure::image_not_found, object::image},
      {404,
       "pull access denied for nope, repository does not exist or may require 'docker login': denied: requested access "
       "to the resource is denied",
       object::image, call_kind::pull, failure::pull_denied, object::image},
      {500, "Head \"https://r/v2/a/manifests/1\": unauthorized: authentication required", object::image,
       call_kind::pull, failure::pull_denied, object::image},
      {401, "", object::image, call_kind::pull, failure::pull_denied, object::image},
      {429, "toomanyrequests: You have reached your pull rate limit", object::image, call_kind::pull,
       failure::server_error, object::image},
      {500, "", object::engine, call_kind::other, failure::server_error, object::engine},
      {400, "OCI runtime create failed: exec: \"/no\": no such file or directory", object::container, call_kind::other,
       failure::bad_request, object::container},
      {400, "OCI runtime create failed: exec: \"no space left on device\": executable file not found in $PATH",
       object::container, call_kind::other, failure::bad_request, object::container},
  };
  for (const auto& one : cases) {
    INFO(one.message);
    const auto problem = error_of_answer(one.status, json_of(one.message), one.about, one.call);
    CHECK(to_string(problem.kind) == to_string(one.kind));
    CHECK(problem.about == one.expected_about);
    CHECK(problem.status == one.status);
    CHECK_FALSE(problem.message.empty());
    if (!one.message.empty())
      CHECK(problem.message == one.message);
  }
}

TEST_CASE("a name that is taken says by whom") {
  const auto problem = error_of_answer(
      409,
      json_of(R"(Conflict. The container name "/t" is already in use by container "9f261ed3". You have to remove it.)"),
      object::container);
  CHECK(problem.kind == failure::conflict);
  CHECK(problem.holder == "9f261ed3");
  CHECK(error_of_answer(409, json_of("by container \"abc"), object::container).holder.empty());
}

TEST_CASE("a daemon that wants TLS is said to") {
  const auto problem = error_of_answer(400, "Client sent an HTTP request to an HTTPS server.\n", object::engine);
  CHECK(problem.kind == failure::tls);
  CHECK(problem.message.find("DOCKER_CERT_PATH") != std::string::npos);
}

TEST_CASE("a message is one line of words, whatever the daemon sent") {
  CHECK(error_of_answer(500, R"({"message":"a\n\tb\r\n  c\u0000d"})", object::engine).message == "a b c d");
  CHECK(error_of_answer(404, "404 page not found\n", object::engine).message == "404 page not found");
  const std::string fallback = "the Docker daemon answered with HTTP status 500";
  for (const auto* body : {"", "{}", "[1,2]", "{\"message\":7}", "{\"message\":\" \"}", "<html>oops</html>", "{\"mess",
                           "17", "\"text\"", "null", " \n "}) {
    INFO(body);
    CHECK(error_of_answer(500, body, object::engine).message == fallback);
  }
  const auto deep = error_of_answer(500, std::string(1'000'000, '['), object::engine);
  CHECK(deep.message.size() <= 1000);
  CHECK(error_of_message("", object::image).message == "the Docker daemon gave no reason");
}

TEST_CASE("a long message is cut between characters") {
  CHECK(one_line("  short  text ") == "short text");
  CHECK(one_line(std::string(2000, 'x'), 100) == std::string(96, 'x') + "...");
  CHECK(one_line("a\xff\xc3z\xe2\x82") == "a??z??");
  for (std::size_t limit = 10; limit < 20; ++limit) {
    std::string many;
    for (int i = 0; i < 30; ++i)
      many += "\xe2\x82\xac";
    const auto cut = one_line(many, limit);
    CHECK(cut.size() <= limit);
    CHECK((cut.size() - 3) % 3 == 0);
  }
}

TEST_CASE("a daemon that says no has done nothing, a proxy that says it cannot tell") {
  for (const int status : {304, 400, 404, 409, 500})
    CHECK_FALSE(error_of_answer(status, "", object::container).may_be_done());
  for (const int status : {502, 503, 504})
    CHECK(error_of_answer(status, "", object::container).may_be_done());
}

TEST_CASE("what may pass by itself is transient") {
  const auto is_transient = [](failure kind) {
    engine_error problem;
    problem.kind = kind;
    return problem.transient();
  };
  CHECK(is_transient(failure::daemon_away));
  CHECK(is_transient(failure::server_error));
  CHECK_FALSE(is_transient(failure::not_found));
  CHECK_FALSE(is_transient(failure::pull_denied));
  engine_error problem;
  problem.kind = failure::daemon_away;
  problem.message = "gone";
  CHECK(to_error(problem).code == ec::unavailable);
  CHECK(to_error(problem).message == "gone");
}
