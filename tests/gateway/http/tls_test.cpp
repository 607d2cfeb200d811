#include "support/catch.hpp"

#include "gateway/http/scripted_stream.hpp"
#include "gateway/http/test_server.hpp"
#include "gateway/http/tls_client.hpp"
#include "support/subprocess.hpp"
#include "support/temporary_folder.hpp"

#include <fstream>
#include <future>
#include <openssl/ssl.h>
#include <vector>

using namespace muster;
using namespace muster::test;

namespace {

void openssl(std::vector<std::string> arguments) {
  command what;
  what.argv = std::move(arguments);
  what.argv.insert(what.argv.begin(), "openssl");
  REQUIRE(run(what).exit_code == 0);
}

/// A certificate that signs itself, made with the `openssl` program.
http::tls_files make_certificate(const std::filesystem::path& folder, const std::string& name) {
  const http::tls_files files{folder / (name + ".crt"), folder / (name + ".key")};
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
           "/CN=" + name, "-out", files.certificate, "-keyout", files.key});
  return files;
}

http::response path_of(http::request& x) {
  http::response answer;
  answer.body = x.tls ? "tls " + x.path : "plain";
  return answer;
}

} // namespace

TEST_CASE("requests are answered over TLS 1.2 and newer alone") {
  const temporary_folder folder;
  http::server_config config;
  config.tls = make_certificate(folder.path(), "first");
  const auto server = serve(path_of, config);
  for (const int version : {0, TLS1_2_VERSION}) {
    tls_client client(server->port(), version);
    REQUIRE(client.connected());
    CHECK(client.server_name() == "first");
    CHECK(client.protocol() == "http/1.1");
    client.send(get("/a") + get("/b"));
    const auto text = client.read_until("tls /b");
    CHECK(text.find("tls /a") != std::string::npos);
    CHECK(text.find("tls /b") != std::string::npos);
  }
  const tls_client old(server->port(), TLS1_1_VERSION);
  CHECK_FALSE(old.connected());
}

TEST_CASE("a client that still sends its large body over TLS reads why that was refused") {
  const temporary_folder folder;
  http::server_config config;
  config.tls = make_certificate(folder.path(), "first");
  config.body_bytes = 1000;
  const auto server = serve(path_of, config);
  for (int i = 0; i < 20; ++i) {
    tls_client client(server->port());
    REQUIRE(client.connected());
    CHECK(client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"));
    CHECK(client.send(std::string(3'000'000, 'x')));
    CHECK(client.read_until("").find("413") == 9);
  }
}

TEST_CASE("a client whose body does not come is told so over TLS, whatever it still sends") {
  const temporary_folder folder;
  http::server_config config;
  config.tls = make_certificate(folder.path(), "first");
  config.body_timeout = std::chrono::milliseconds(50);
  const auto server = serve(path_of, config);
  tls_client client(server->port());
  REQUIRE(client.connected());
  CHECK(client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\nabc"));
  CHECK(client.read_until("in time").find("408") == 9);
  CHECK(client.send(std::string(2'000'000, 'x'))); // Nobody resets it.
}

TEST_CASE("large bodies and streams come whole over TLS") {
  const temporary_folder folder;
  http::server_config config;
  config.tls = make_certificate(folder.path(), "first");
  const auto server = serve(
      [](http::request& x) {
        http::response answer;
        if (x.path == "/stream") {
          const auto words = std::make_shared<script>();
          for (int i = 0; i < 300; ++i)
            words->say(std::string(10'000, 's'));
          words->end();
          answer.stream = std::make_unique<scripted_stream>(words);
        } else
          answer.body = x.body + "!end";
        return answer;
      },
      config);
  tls_client client(server->port());
  client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n");
  client.send(std::string(3'000'000, 'b'));
  CHECK(client.read_until("!end").size() > 3'000'000);
  client.send(get("/stream"));
  CHECK(client.read_until("0\r\n\r\n").size() > 3'000'000);
  client.send(get("/x", "Connection: close\r\n"));
  CHECK(client.read_until("").find("!end") != std::string::npos);
}

TEST_CASE("certificates are read anew, for connections that come then") {
  const temporary_folder folder;
  http::server_config config;
  const auto first = make_certificate(folder.path(), "first");
  const auto second = make_certificate(folder.path(), "second");
  config.tls = http::tls_files{folder.path() / "c", folder.path() / "k"};
  const auto use = [&](const http::tls_files& x) {
    std::filesystem::copy_file(x.certificate, config.tls->certificate,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(x.key, config.tls->key, std::filesystem::copy_options::overwrite_existing);
  };
  use(first);
  const auto server = serve(path_of, config);
  tls_client before(server->port());
  CHECK(before.server_name() == "first");
  use(second);
  CHECK(tls_client(server->port()).server_name() == "first");
  CHECK(server->reload_tls().ok());
  CHECK(tls_client(server->port()).server_name() == "second");
  before.send(get("/still"));
  CHECK(before.read_until("tls /still").find("tls /still") != std::string::npos);
  std::ofstream(config.tls->certificate) << "nonsense";
  const auto bad = server->reload_tls();
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.failure().message.find(config.tls->certificate.string()) != std::string::npos);
  CHECK(tls_client(server->port()).server_name() == "second");
}

TEST_CASE("certificates and keys that cannot be used are named") {
  const temporary_folder folder;
  const auto first = make_certificate(folder.path(), "first");
  const auto second = make_certificate(folder.path(), "second");
  const auto locked = folder.path() / "locked.key";
  openssl({"ec", "-aes128", "-passout", "pass:word", "-in", first.key, "-out", locked});
  const std::vector<std::pair<http::tls_files, std::string>> cases{
      {{folder.path() / "none", first.key}, "none"},
      {{first.certificate, folder.path() / "none"}, "none"},
      {{first.certificate, second.key}, second.key.string()},
      {{first.certificate, first.certificate}, first.certificate.string()},
      {{first.certificate, locked}, locked.string()}};
  for (const auto& [files, named] : cases) {
    INFO(named);
    http::server_config config;
    config.tls = files;
    const auto started = http::server::start(config, path_of);
    REQUIRE_FALSE(started.ok());
    CHECK(started.failure().code == ec::invalid_argument);
    CHECK(started.failure().message.find(named) != std::string::npos);
  }
}

TEST_CASE("who speaks no TLS, or stops in the middle of it, is turned away and holds up nobody") {
  const temporary_folder folder;
  http::server_config config;
  config.tls = make_certificate(folder.path(), "first");
  const std::string begin("\x16\x03\x01\x02\x00\x01\x00", 7);
  {
    config.header_timeout = std::chrono::minutes(5);
    const auto patient = serve(path_of, config);
    const raw_client silent(patient->port());
    raw_client half(patient->port());
    half.send(begin);
    raw_client plain(patient->port());
    plain.send(get("/"));
    CHECK(plain.is_closed());
    CHECK(tls_client(patient->port()).connected());
  }
  config.header_timeout = std::chrono::milliseconds(200);
  const auto server = serve(path_of, config);
  raw_client silent(server->port());
  raw_client half(server->port());
  half.send(begin);
  CHECK(silent.is_closed());
  CHECK(half.is_closed());
}

TEST_CASE("many TLS clients at once, some of which vanish") {
  const temporary_folder folder;
  http::server_config config;
  config.tls = make_certificate(folder.path(), "first");
  config.threads = 2;
  const auto server = serve(path_of, config);
  std::vector<std::future<int>> clients;
  for (int n = 0; n < 8; ++n)
    clients.push_back(std::async(std::launch::async, [&, n] {
      int good = 0;
      for (int i = 0; i < 10; ++i) {
        tls_client client(server->port());
        for (int k = 0; k < 10; ++k) {
          const auto path = "/" + std::to_string(n * 1000 + i * 10 + k) + "/";
          client.send(get(path.substr(0, path.size() - 1)) + (k == 5 && i % 2 == 0 ? "GET /ha" : ""));
          if (k == 5 && i % 2 == 0)
            break;
          good += client.read_until("tls " + path.substr(0, path.size() - 1)).empty() ? 0 : 1;
        }
      }
      return good;
    }));
  for (auto& x : clients)
    CHECK(x.get() == 75);
  server->drain(std::chrono::steady_clock::now() + std::chrono::seconds(20));
  CHECK(server->figures().connections == 0);
}
