#include "docker_subject.hpp"

#include "docker_system/docker_muster.hpp"
#include "executors/docker/docker_driver.hpp"
#include "support/catch.hpp"
#include "support/docker_daemon.hpp"
#include "support/log_text.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/// A daemon over TCP that lets in only who has a certificate.
using namespace muster;
using namespace muster::test;
namespace fs = std::filesystem;

namespace {

/// A port of the loopback network that nobody has now.
int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(where);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&where), size) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&where), &size) == 0);
  ::close(socket);
  return ntohs(where.sin_port);
}

/// An authority with one certificate for the daemon and one for us: `ca.pem`, `cert.pem`, `key.pem` as the docker
/// command calls them, and `server-cert.pem`, `server-key.pem`.
class certificates {
public:
  certificates() {
    openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=muster-test", "-keyout",
             at("ca-key.pem"), "-out", at("ca.pem")});
    sign("server-", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
    sign("", "extendedKeyUsage=clientAuth\n");
  }
  [[nodiscard]] std::string at(const std::string& file) const { return (folder_.path() / file).string(); }
  [[nodiscard]] const fs::path& folder() const { return folder_.path(); }

private:
  static void openssl(std::vector<std::string> words) {
    words.insert(words.begin(), "openssl");
    command what;
    what.argv = std::move(words);
    const auto said = run(what, std::chrono::seconds{60});
    INFO(said.err);
    REQUIRE(said.exit_code == 0);
  }
  void sign(const std::string& prefix, const std::string& extensions) const {
    std::ofstream{at("extensions")} << extensions;
    openssl({"req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + prefix + "muster", "-keyout",
             at(prefix + "key.pem"), "-out", at("request.pem")});
    openssl({"x509", "-req", "-in", at("request.pem"), "-CA", at("ca.pem"), "-CAkey", at("ca-key.pem"),
             "-CAcreateserial", "-days", "2", "-extfile", at("extensions"), "-out", at(prefix + "cert.pem")});
  }
  temporary_folder folder_;
};

docker_pool_config::tls_files files_of(const certificates& ours, const certificates& authority) {
  return {authority.at("ca.pem"), ours.at("cert.pem"), ours.at("key.pem"), true};
}

} // namespace

TEST_CASE("a daemon over TCP with TLS lets in who has a certificate of its authority, and is checked itself") {
  const certificates good;
  const certificates other;
  const auto port = std::to_string(free_port());
  docker_options how;
  how.host_network = true;
  how.images = {"busybox:latest"};
  how.arguments = {"-H",
                   "tcp://127.0.0.1:" + port,
                   "--tlsverify",
                   "--tlscacert",
                   good.at("ca.pem"),
                   "--tlscert",
                   good.at("server-cert.pem"),
                   "--tlskey",
                   good.at("server-key.pem")};
  const auto docker = docker_daemon::start(how);
  if (!docker)
    return;
  const temporary_folder state;
  auto config = docker_test_config(docker->socket(), state.path());
  config.host = "tcp://127.0.0.1:" + port;
  config.permissions.host_network = true;

  const auto problem_with = [&](const docker_pool_config::tls_files& files) {
    auto mine = config;
    mine.tls = files;
    const auto found = make_docker_driver(mine)->probe();
    return found ? std::string{} : found.failure().message;
  };
  CHECK(problem_with(files_of(good, good)).empty());
  CHECK_THAT(problem_with(files_of(other, good)), ContainsSubstring("certificate"));
  CHECK_THAT(problem_with(files_of(good, other)), ContainsSubstring("certificate"));
  CHECK_THAT(problem_with({good.at("ca.pem"), {}, {}, true}), ContainsSubstring("certificate"));
  auto unchecked = files_of(good, other);
  unchecked.verify = false;
  CHECK(problem_with(unchecked).empty());

  {
    recorder heard;
    config.tls = files_of(good, good);
    const auto driver = make_docker_driver(config);
    REQUIRE(driver->probe().ok());
    driver->listen(heard);
    auto spec = make_spec(state.path() / "not" / "made", 0);
    say_shell(spec, "cat /greeting; exit 5");
    spec.task.files = {{"/greeting", "hello", false}};
    spec.task.host_network = true;
    spec.then_start = true;
    driver->prepare(spec);
    const auto started = heard.wait_started(spec.id);
    REQUIRE(started.started.has_value());
    INFO((*started.started ? std::string{} : started.started->failure().message));
    REQUIRE(started.started->ok());
    const auto seen = heard.wait_end(spec.id);
    INFO((seen.prepared && !*seen.prepared ? seen.prepared->failure().message : std::string{}));
    REQUIRE(seen.exited.has_value());
    CHECK(seen.exited->code == 5);
    CHECK(content(spec.folder.string() + ".log") == "hello");
    driver->remove(spec.id);
  }
  CHECK(count_everything(docker->socket(), state.path()) == 0);

  // And as the docker command finds it.
  const docker_muster muster{docker->socket()};
  auto asks = muster.with({"run", muster.program().file("spec.yaml", spec_of("remote", {{"it", "true"}})), "--pool",
                           "docker", "--oversubscribe", "1000"});
  asks.env["DOCKER_HOST"] = config.host;
  asks.env["DOCKER_TLS_VERIFY"] = "1";
  asks.env["DOCKER_CERT_PATH"] = other.folder().string();
  const auto refused = run(asks);
  CHECK(refused.exit_code != 0);
  CHECK_THAT(refused.err, ContainsSubstring("certificate"));
}
