#include "gateway/auth/certificates.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace muster;
using namespace muster::gateway;
using muster::test::temporary_folder;

namespace {

constexpr std::chrono::hours a_year{24 * 365};

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

/// Two authorities; the first has made certificates of a head and of two nodes.
struct pki {
  pki() {
    for (const auto* name : {"ca", "other"})
      REQUIRE(make_authority(at(name), a_year));
    REQUIRE(issue_certificate(at("ca"), "head", certificate_use::head, a_year, at("head")));
    for (const auto* name : {"n1", "n2"})
      REQUIRE(issue_certificate(at("ca"), name, certificate_use::node, a_year, at(name)));
    REQUIRE(issue_certificate(at("other"), "n1", certificate_use::node, a_year, at("stranger")));
  }

  [[nodiscard]] std::filesystem::path at(const std::string& name) const { return folder.path() / name; }
  [[nodiscard]] std::filesystem::path trusted() const { return authority_in(at("ca")).certificate; }

  temporary_folder folder;
};

} // namespace

TEST_CASE("a certificate says whose it is, for what, and until when") {
  const pki x;
  const auto node = check_certificates(x.at("n1"), certificate_use::node, now());
  REQUIRE(node);
  CHECK(node->name == "n1");
  CHECK(node->expires > now() + std::chrono::hours{24 * 364});
  const auto head = read_certificate(x.at("head"));
  REQUIRE(head);
  CHECK(head->use == certificate_use::head);
  struct stat facts {};
  for (const auto& file : {certificates_in(x.at("n1")).key, authority_in(x.at("ca")).key}) {
    REQUIRE(::stat(file.c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
  }
}

TEST_CASE("a certificate is not taken for what it is not") {
  const pki x;
  CHECK_FALSE(check_certificates(x.at("n1"), certificate_use::head, now()));
  CHECK_FALSE(check_certificates(x.at("head"), certificate_use::node, now()));
  CHECK_FALSE(check_certificates(x.at("n1"), certificate_use::node, now() + a_year));
  CHECK(check_certificates(x.at("nobody"), certificate_use::node, now()).failure().code == ec::not_found);
  namespace fs = std::filesystem;
  fs::copy_file(certificates_in(x.at("n2")).key, certificates_in(x.at("n1")).key, fs::copy_options::overwrite_existing);
  CHECK_FALSE(check_certificates(x.at("n1"), certificate_use::node, now()));
  std::ofstream(certificates_in(x.at("n2")).certificate) << "-----BEGIN CERTIFICATE-----\nAAAA\n";
  CHECK(read_certificate(x.at("n2")).failure().code == ec::invalid_argument);
}

TEST_CASE("a node proves who it is by the key of its certificate") {
  const pki x;
  const auto proof = prove(x.at("n1"), "I am n1");
  REQUIRE(proof);
  const auto name = check_proof(x.trusted(), *proof, "I am n1");
  REQUIRE(name);
  CHECK(*name == "n1");
  CHECK_FALSE(check_proof(x.trusted(), *proof, "I am n2"));
  CHECK_FALSE(check_proof(x.trusted(), {}, "I am n1"));
  CHECK_FALSE(check_proof(x.trusted(), {"no certificate", "x"}, "I am n1"));
  const auto other = prove(x.at("n2"), "I am n1");
  REQUIRE(other);
  CHECK_FALSE(check_proof(x.trusted(), {proof->certificate, other->signature}, "I am n1"));
  for (const auto* who : {"head", "stranger"}) {
    const auto foreign = prove(x.at(who), "I am n1");
    REQUIRE(foreign);
    CHECK_FALSE(check_proof(x.trusted(), *foreign, "I am n1"));
  }
}

TEST_CASE("an authority is made once, and names only what can be named") {
  const pki x;
  CHECK(make_authority(x.at("ca"), a_year).failure().code == ec::conflict);
  for (const auto* name : {"", "a b", "n1,DNS:n2", "../n", "n\n"})
    CHECK(issue_certificate(x.at("ca"), name, certificate_use::node, a_year, x.at("new")).failure().code ==
          ec::invalid_argument);
  CHECK(issue_certificate(x.at("none"), "n", certificate_use::node, a_year, x.at("new")).failure().code ==
        ec::not_found);
  CHECK_FALSE(std::filesystem::exists(x.at("new")));
}

TEST_CASE("a certificate ends with its authority, and one that has ended makes none") {
  const pki x;
  REQUIRE(make_authority(x.at("short"), std::chrono::hours{48}));
  const auto ends = check_authority(x.at("short"), now());
  REQUIRE(ends);
  REQUIRE(issue_certificate(x.at("short"), "n3", certificate_use::node, a_year, x.at("n3")));
  CHECK(check_certificates(x.at("n3"), certificate_use::node, now())->expires == *ends);
  REQUIRE(issue_certificate(x.at("short"), "n3", certificate_use::node, std::chrono::hours{24}, x.at("n3")));
  CHECK(check_certificates(x.at("n3"), certificate_use::node, now())->expires < *ends);
  const auto over = check_authority(x.at("short"), now() + std::chrono::hours{49});
  REQUIRE_FALSE(over);
  CHECK_THAT(over.failure().message, ContainsSubstring("has expired"));
  CHECK(check_authority(x.at("n3"), now()).failure().code == ec::not_found);

  REQUIRE(make_authority(x.at("past"), std::chrono::hours{0}));
  CHECK_FALSE(issue_certificate(x.at("past"), "n4", certificate_use::node, a_year, x.at("n4")));
  namespace fs = std::filesystem;
  CHECK_FALSE(fs::exists(x.at("n4")));
  fs::copy_file(authority_in(x.at("ca")).key, authority_in(x.at("short")).key, fs::copy_options::overwrite_existing);
  CHECK_FALSE(check_authority(x.at("short"), now()));
}
