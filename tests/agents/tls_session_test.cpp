#include "actors/agents/tls_session.hpp"
#include "gateway/auth/certificates.hpp"
#include "muster/base/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <openssl/ssl.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <utility>

using namespace muster;
using agent::tls_session;
using agent::tls_sessions;
using gateway::certificate_use;
using outcome = tls_session::outcome;

namespace {

constexpr std::chrono::hours lifetime{24};

/// Folders with certificates of an authority.
class authority {
public:
  authority() { good(gateway::make_authority(own(), lifetime)); }

  link_certificates issue(const std::string& name, certificate_use use) const {
    good(gateway::issue_certificate(own(), name, use, lifetime, folder_.path() / name));
    return in(name);
  }
  /// Into the folder of another.
  void issue_into(const link_certificates& files, const std::string& name, certificate_use use) const {
    good(gateway::issue_certificate(own(), name, use, lifetime, files.key.parent_path()));
  }

private:
  static void good(const result<void>& x) {
    INFO((x ? std::string{} : x.failure().message));
    REQUIRE(x);
  }
  [[nodiscard]] std::filesystem::path own() const { return folder_.path() / "ca"; }
  [[nodiscard]] link_certificates in(const std::string& name) const {
    const auto files = gateway::certificates_in(folder_.path() / name);
    return {files.authority, files.certificate, files.key};
  }

  test::temporary_folder folder_;
};

/// Both ends of a connection.
struct line {
  line() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    head.reset(ends[0]);
    node.reset(ends[1]);
  }
  unique_fd head;
  unique_fd node;
};

/// What became of it at the head and at the node, when neither has anything more to say.
std::pair<outcome, outcome> shake_hands(tls_session& head, tls_session& node) {
  std::pair<outcome, outcome> out{outcome::later, outcome::later};
  constexpr int more_than_enough = 10;
  for (int i = 0; i < more_than_enough; ++i) {
    if (out.first == outcome::later)
      out.first = head.shake_hands();
    if (out.second == outcome::later)
      out.second = node.shake_hands();
  }
  return out;
}

/// What there is to read now.
std::string read_all(tls_session& from) {
  std::string out;
  std::array<char, 1000> part{};
  for (;;) {
    std::size_t got = 0;
    if (from.read(part.data(), part.size(), got) != outcome::done)
      return out;
    out.append(part.data(), got);
  }
}

struct ends_with_certificates {
  authority by;
  tls_sessions head{by.issue("head", certificate_use::head)};
  tls_sessions node{by.issue("n1", certificate_use::node)};
};

/// Both ends after the handshake.
struct connection : ends_with_certificates {
  connection() {
    REQUIRE(at_head);
    REQUIRE(at_node);
    REQUIRE(shake_hands(*at_head, *at_node) == std::pair{outcome::done, outcome::done});
  }
  line between;
  result<tls_session> at_head = head.accept(between.head.get());
  result<tls_session> at_node = node.connect(between.node.get());
};

/// Whether the node's end comes to a connection with the head's that words go over.
bool do_connect(tls_sessions& head, tls_sessions& node) {
  const line x;
  auto accepted = head.accept(x.head.get());
  auto connected = node.connect(x.node.get());
  REQUIRE(accepted);
  REQUIRE(connected);
  if (shake_hands(*accepted, *connected) != std::pair{outcome::done, outcome::done})
    return false;
  std::size_t sent = 0;
  std::size_t got = 0;
  std::array<char, 4> word{};
  return accepted->write("word", word.size(), sent) == outcome::done &&
         connected->read(word.data(), word.size(), got) == outcome::done && got == word.size();
}

} // namespace

TEST_CASE("all that one end writes comes to the other, in order, however much it is") {
  connection x;
  std::string text;
  for (int i = 0; i < 300'000; ++i)
    text += std::to_string(i);
  std::string come;
  bool was_full = false;
  for (std::size_t sent = 0; sent < text.size();) {
    const auto now = x.at_head->write(text.data() + sent, text.size() - sent, sent);
    REQUIRE(now != outcome::failed);
    was_full = was_full || now == outcome::later;
    if (now == outcome::later)
      come += read_all(*x.at_node);
  }
  come += read_all(*x.at_node);
  CHECK(was_full);
  CHECK(come == text);
  CHECK(!x.at_node->has_more());
}

TEST_CASE("the rest of what was taken from the socket is said to be there until it is read") {
  connection x;
  const std::string text = "two words";
  std::size_t sent = 0;
  REQUIRE(x.at_head->write(text.data(), text.size(), sent) == outcome::done);
  REQUIRE(sent == text.size());
  CHECK(!x.at_node->has_more());
  char first = 0;
  std::size_t got = 0;
  REQUIRE(x.at_node->read(&first, 1, got) == outcome::done);
  char next = 0;
  REQUIRE(::recv(x.between.node.get(), &next, 1, MSG_PEEK) < 0); // The socket has nothing more to tell of.
  CHECK(x.at_node->has_more());
  CHECK(first + read_all(*x.at_node) == text);
  CHECK(!x.at_node->has_more());
}

TEST_CASE("who is of another authority, or shows the other end's kind of certificate, is refused") {
  ends_with_certificates x;
  const authority other;
  tls_sessions strange_head{other.issue("head", certificate_use::head)};
  tls_sessions strange_node{other.issue("n1", certificate_use::node)};
  tls_sessions posing{x.by.issue("n2", certificate_use::node)};
  CHECK(do_connect(x.head, x.node));
  CHECK(!do_connect(x.head, strange_node));
  CHECK(!do_connect(strange_head, x.node));
  CHECK(!do_connect(posing, x.node));
  tls_sessions second_head{x.by.issue("head2", certificate_use::head)};
  CHECK(!do_connect(x.head, second_head));
  CHECK(do_connect(x.head, x.node)); // What others left with OpenSSL is nobody else's.
}

TEST_CASE("files of certificates that have changed are read again") {
  const authority first;
  const authority second;
  const auto files = first.issue("head", certificate_use::head);
  tls_sessions head{files};
  tls_sessions of_first{first.issue("n1", certificate_use::node)};
  tls_sessions of_second{second.issue("n1", certificate_use::node)};
  CHECK(do_connect(head, of_first));
  second.issue_into(files, "head", certificate_use::head);
  CHECK(do_connect(head, of_second));
  CHECK(!do_connect(head, of_first));
}

TEST_CASE("files of certificates that cannot be used are named, and used when they are good again") {
  const authority by;
  const auto good = by.issue("head", certificate_use::head);
  const auto other = by.issue("n1", certificate_use::node);
  const line between;
  const auto problem = [&](const link_certificates& files) {
    const auto begun = tls_sessions{files}.accept(between.head.get());
    REQUIRE(!begun);
    CHECK(begun.failure().code == ec::invalid_argument);
    return begun.failure().message;
  };
  CHECK_THAT(problem({good.authority, good.key, good.key}),
             ContainsSubstring("the certificate " + good.key.string() + " cannot be used: no start line"));
  CHECK_THAT(problem({good.authority, good.certificate, other.key}),
             ContainsSubstring("the key " + other.key.string() + " cannot be used: key values mismatch"));
  CHECK_THAT(problem({good.key.parent_path() / "none", good.certificate, good.key}),
             ContainsSubstring("none cannot be used: No such file or directory"));
  tls_sessions head{good};
  tls_sessions node{other};
  std::filesystem::rename(good.key, good.key.string() + ".away");
  CHECK(!head.accept(between.head.get()));
  std::filesystem::rename(good.key.string() + ".away", good.key);
  CHECK(do_connect(head, node));
}

TEST_CASE("who shows no certificate, or speaks TLS 1.2, is refused, and it is said why") {
  const ends_with_certificates x;
  const auto files = x.by.issue("n2", certificate_use::node);
  const auto refused = [&](bool shows_certificate, int version) {
    const std::shared_ptr<SSL_CTX> context{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
    SSL_CTX_set_max_proto_version(context.get(), version);
    if (shows_certificate) {
      SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM);
    }
    const line between;
    const std::shared_ptr<SSL> client{SSL_new(context.get()), SSL_free};
    SSL_set_fd(client.get(), between.node.get());
    SSL_set_connect_state(client.get());
    tls_sessions head{x.by.issue("head", certificate_use::head)};
    auto accepted = head.accept(between.head.get());
    REQUIRE(accepted);
    auto now = outcome::later;
    for (int i = 0; i < 10 && now == outcome::later; ++i) {
      static_cast<void>(SSL_do_handshake(client.get()));
      now = accepted->shake_hands();
    }
    return now == outcome::failed ? accepted->problem() : "not refused";
  };
  CHECK(refused(true, TLS1_3_VERSION) == "not refused");
  CHECK(refused(false, TLS1_3_VERSION) == "peer did not return a certificate");
  CHECK(refused(true, TLS1_2_VERSION) == "unsupported protocol");
}

TEST_CASE("a session whose peer is gone, or speaks no TLS, has failed, and raises no signal") {
  ends_with_certificates x;
  {
    line between;
    auto head = x.head.accept(between.head.get());
    auto node = x.node.connect(between.node.get());
    REQUIRE(head);
    REQUIRE(node);
    REQUIRE(shake_hands(*head, *node) == std::pair{outcome::done, outcome::done});
    between.node.reset();
    char byte = 0;
    std::size_t count = 0;
    CHECK(head->write("x", 1, count) == outcome::failed);
    CHECK(head->read(&byte, 1, count) == outcome::failed);
  }
  const line rude;
  auto head = x.head.accept(rude.head.get());
  REQUIRE(head);
  REQUIRE(::send(rude.node.get(), "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
  CHECK(head->shake_hands() == outcome::failed);
  CHECK(head->problem() == "http request");
  line closed;
  closed.head.reset();
  CHECK(!x.node.connect(closed.node.get()));
}

TEST_CASE("a handshake over a socket that takes nothing fails, and says why") {
  ends_with_certificates x;
  const line between;
  const std::array<char, 4096> filler{};
  while (::send(between.node.get(), filler.data(), filler.size(), MSG_NOSIGNAL) > 0) {
  }
  const auto begun = x.node.connect(between.node.get());
  REQUIRE_FALSE(begun);
  CHECK(begun.failure().message == "the peer takes nothing");
}
