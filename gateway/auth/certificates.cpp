#include "gateway/auth/certificates.hpp"

#include "muster/base/openssl_reason.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

namespace muster::gateway {

namespace {

namespace fs = std::filesystem;

constexpr auto staged_folder = "next";

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;
using store_ptr = std::unique_ptr<X509_STORE, freed_by<X509_STORE_free>>;
using store_ctx_ptr = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;
using digest_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;

constexpr std::size_t longest_name = 64; ///< Of a common name.
constexpr std::size_t largest_file = 64 << 10;

error openssl_failed(const std::string& what) {
  return {ec::internal, what + " failed: " + openssl_reason()};
}

result<std::string> read_file(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_regular_file(path, problem))
    return error{ec::not_found, "there is no file " + path.string() + "; `muster ca` makes certificates"};
  if (fs::file_size(path, problem) > largest_file || problem)
    return error{ec::invalid_argument, path.string() + " is too large for a certificate or key"};
  std::ifstream in{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in || text.empty())
    return error{ec::io_error, "cannot read " + path.string()};
  return text;
}

/// Replaces a file in one step; readable by its owner alone if it is secret.
result<void> write_file(const fs::path& path, const std::string& text, bool is_secret) {
  const auto draft = path.string() + ".new";
  const mode_t mode = is_secret ? 0600 : 0644;
  ::unlink(draft.c_str());
  const int file = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  const auto failed = [&](const std::string& at) {
    return error{ec::io_error, "cannot write " + at + ": " + std::generic_category().message(errno)};
  };
  if (file < 0)
    return failed(draft);
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file) == 0;
  ::close(file);
  if (!written || ::rename(draft.c_str(), path.c_str()) != 0)
    return failed(path.string());
  return {};
}

result<void> make_folder(const fs::path& folder) {
  std::error_code problem;
  if (fs::exists(folder, problem))
    return {};
  fs::create_directories(folder, problem);
  if (problem || ::chmod(folder.c_str(), S_IRWXU) != 0)
    return error{ec::io_error, "cannot make " + folder.string() + ": " + problem.message()};
  return {};
}

bio_ptr reader_of(const std::string& text) {
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

cert_ptr certificate_of(const std::string& pem) {
  const auto in = reader_of(pem);
  cert_ptr out{PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)};
  ERR_clear_error();
  return out;
}

key_ptr key_of(const std::string& pem) {
  const auto in = reader_of(pem);
  // No password is ever asked for at a terminal.
  const auto none = [](char*, int, int, void*) { return 0; };
  key_ptr out{PEM_read_bio_PrivateKey(in.get(), nullptr, none, nullptr)};
  ERR_clear_error();
  return out;
}

result<cert_ptr> load_certificate(const fs::path& path) {
  const auto text = read_file(path);
  if (!text)
    return text.failure();
  auto out = certificate_of(*text);
  if (!out)
    return error{ec::invalid_argument, path.string() + " is no certificate (PEM)"};
  return out;
}

result<key_ptr> load_key(const fs::path& path) {
  const auto text = read_file(path);
  if (!text)
    return text.failure();
  auto out = key_of(*text);
  if (!out)
    return error{ec::invalid_argument, path.string() + " is no private key (PEM, without a password)"};
  return out;
}

std::string text_in(BIO* x) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(x, &data);
  return {data, static_cast<std::size_t>(size)};
}

result<std::string> pem_of(X509* x) {
  const bio_ptr out{BIO_new(BIO_s_mem())};
  if (PEM_write_bio_X509(out.get(), x) != 1)
    return openssl_failed("writing a certificate");
  return text_in(out.get());
}

result<std::string> pem_of(EVP_PKEY* x) {
  const bio_ptr out{BIO_new(BIO_s_mem())};
  if (PEM_write_bio_PKCS8PrivateKey(out.get(), x, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return openssl_failed("writing a key");
  return text_in(out.get());
}

bool add(X509* to, X509* issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  const extension_ptr x{X509V3_EXT_conf_nid(nullptr, &context, what, value)};
  return x && X509_add_ext(to, x.get(), -1) == 1;
}

bool set_name(X509_NAME* to, const std::string& name) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  return X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8, bytes, static_cast<int>(name.size()), -1, 0) == 1;
}

bool set_serial(X509* to) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1)
    return false;
  bytes[0] &= 0x7FU; // A positive number.
  std::unique_ptr<BIGNUM, freed_by<BN_free>> number{BN_bin2bn(bytes, sizeof bytes, nullptr)};
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(to)) != nullptr;
}

/// A certificate without extensions and without a signature. It counts from an hour ago, because clocks differ.
result<cert_ptr> draft(const std::string& name, EVP_PKEY* key, std::chrono::hours lifetime) {
  cert_ptr out{X509_new()};
  constexpr long hour = 3600;
  const auto seconds = static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(lifetime).count());
  const bool done = out && X509_set_version(out.get(), 2) == 1 && set_serial(out.get()) &&
                    X509_gmtime_adj(X509_getm_notBefore(out.get()), -hour) != nullptr &&
                    X509_gmtime_adj(X509_getm_notAfter(out.get()), seconds) != nullptr &&
                    set_name(X509_get_subject_name(out.get()), name) && X509_set_pubkey(out.get(), key) == 1;
  if (!done)
    return openssl_failed("making a certificate");
  return out;
}

result<std::string> common_name(X509* x) {
  auto* name = X509_get_subject_name(x);
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
    return error{ec::invalid_argument, "the certificate names nobody"};
  auto* data = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, data);
  if (size < 0)
    return openssl_failed("reading a name");
  std::string out{reinterpret_cast<char*>(text), static_cast<std::size_t>(size)};
  OPENSSL_free(text);
  return out;
}

result<timestamp> end_of(X509* x) {
  std::tm ends{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &ends) != 1)
    return openssl_failed("reading a date");
  return timestamp{std::chrono::seconds{::timegm(&ends)}};
}

result<certificate_facts> facts_of(X509* x) {
  auto name = common_name(x);
  if (!name)
    return name.failure();
  certificate_facts out;
  out.name = std::move(*name);
  const auto uses = X509_get_extended_key_usage(x);
  if (uses == UINT32_MAX || ((uses & XKU_SSL_SERVER) != 0) == ((uses & XKU_SSL_CLIENT) != 0))
    return error{ec::invalid_argument, "the certificate is neither that of a head nor that of a node"};
  out.use = (uses & XKU_SSL_SERVER) != 0 ? certificate_use::head : certificate_use::node;
  const auto ends = end_of(x);
  if (!ends)
    return ends.failure();
  out.expires = *ends;
  return out;
}

/// An authority that has ended vouches for nothing: what it makes ends with it at the latest.
result<void> end_with(X509* x, X509* authority) {
  const auto last = end_of(authority);
  if (!last)
    return last.failure();
  const auto own = end_of(x);
  if (!own)
    return own.failure();
  if (*own > *last && X509_set1_notAfter(x, X509_get0_notAfter(authority)) != 1)
    return openssl_failed("making a certificate");
  return {};
}

/// Whether the authority made it, for a use, and it counts now.
result<void> verify(X509* x, X509* authority, certificate_use use) {
  const store_ptr trusted{X509_STORE_new()};
  const store_ctx_ptr context{X509_STORE_CTX_new()};
  if (!trusted || !context || X509_STORE_add_cert(trusted.get(), authority) != 1 ||
      X509_STORE_CTX_init(context.get(), trusted.get(), x, nullptr) != 1)
    return openssl_failed("checking a certificate");
  X509_STORE_CTX_set_purpose(context.get(),
                             use == certificate_use::head ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
  if (X509_verify_cert(context.get()) == 1)
    return {};
  ERR_clear_error();
  return {ec::invalid_argument, std::string{"the certificate is not valid: "} +
                                    X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()))};
}

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

result<void> check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
  if (!good)
    return {ec::invalid_argument,
            "'" + name.substr(0, 80) + "' is no name for a certificate: letters, digits, '-', '_' and '.', at most 64"};
  return {};
}

} // namespace

authority_files authority_in(const fs::path& folder) {
  return {folder / "ca.pem", folder / "ca-key.pem"};
}

certificate_files certificates_in(const fs::path& folder) {
  return {folder / "ca.pem", folder / "cert.pem", folder / "key.pem"};
}

result<void> make_authority(const fs::path& folder, std::chrono::hours lifetime) {
  const auto files = authority_in(folder);
  std::error_code ignored;
  if (fs::exists(files.certificate, ignored) || fs::exists(files.key, ignored))
    return {ec::conflict, "there is an authority in " + folder.string() + " already"};
  if (auto made = make_folder(folder); !made)
    return made;
  const key_ptr key{EVP_EC_gen("P-256")};
  if (!key)
    return openssl_failed("making a key");
  auto x = draft("Muster CA", key.get(), lifetime);
  if (!x)
    return x.failure();
  auto* c = x->get();
  const bool done = X509_set_issuer_name(c, X509_get_subject_name(c)) == 1 &&
                    add(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add(c, c, NID_subject_key_identifier, "hash") && X509_sign(c, key.get(), EVP_sha256()) > 0;
  if (!done)
    return openssl_failed("making an authority");
  const auto secret = pem_of(key.get());
  const auto shown = pem_of(c);
  if (!secret || !shown)
    return secret ? shown.failure() : secret.failure();
  if (auto written = write_file(files.key, *secret, true); !written)
    return written;
  return write_file(files.certificate, *shown, false);
}

result<void> issue_certificate(const fs::path& by, const std::string& name, certificate_use use,
                               std::chrono::hours lifetime, const fs::path& out) {
  if (auto good = check_name(name); !good)
    return good;
  if (auto good = check_authority(by, now()); !good)
    return good.failure();
  const auto authority = load_certificate(authority_in(by).certificate);
  if (!authority)
    return authority.failure();
  const auto signer = load_key(authority_in(by).key);
  if (!signer)
    return signer.failure();
  const key_ptr key{EVP_EC_gen("P-256")};
  if (!key)
    return openssl_failed("making a key");
  auto x = draft(name, key.get(), lifetime);
  if (!x)
    return x.failure();
  auto* c = x->get();
  auto* a = authority->get();
  if (auto done = end_with(c, a); !done)
    return done;
  const auto alternative = "DNS:" + name;
  const bool done =
      X509_set_issuer_name(c, X509_get_subject_name(a)) == 1 && add(c, a, NID_basic_constraints, "critical,CA:FALSE") &&
      add(c, a, NID_key_usage, "critical,digitalSignature") &&
      add(c, a, NID_ext_key_usage, use == certificate_use::head ? "serverAuth" : "clientAuth") &&
      add(c, a, NID_subject_key_identifier, "hash") && add(c, a, NID_authority_key_identifier, "keyid") &&
      add(c, a, NID_subject_alt_name, alternative.c_str()) && X509_sign(c, signer->get(), EVP_sha256()) > 0;
  if (!done)
    return openssl_failed("making a certificate");
  const auto secret = pem_of(key.get());
  const auto shown = pem_of(c);
  const auto trusted = pem_of(a);
  if (!secret || !shown || !trusted)
    return openssl_failed("writing a certificate");
  if (auto made = make_folder(out); !made)
    return made;
  const auto files = certificates_in(out);
  if (auto written = write_file(files.authority, *trusted, false); !written)
    return written;
  if (auto written = write_file(files.key, *secret, true); !written)
    return written;
  return write_file(files.certificate, *shown, false);
}

result<timestamp> check_authority(const fs::path& folder, timestamp now) {
  const auto files = authority_in(folder);
  const auto x = load_certificate(files.certificate);
  if (!x)
    return x.failure();
  const auto key = load_key(files.key);
  if (!key)
    return key.failure();
  const auto in = " (" + folder.string() + ")";
  auto ends = end_of(x->get());
  if (!ends)
    return ends;
  if (*ends <= now)
    return error{ec::invalid_argument, "the authority has expired" + in +
                                           ": make another in an empty folder (`muster ca init --ca DIR`), and "
                                           "certificates by it for the head and all nodes"};
  if (X509_check_private_key(x->get(), key->get()) != 1) {
    ERR_clear_error();
    return error{ec::invalid_argument, "the key is not that of the authority" + in};
  }
  return ends;
}

result<certificate_facts> read_certificate(const fs::path& folder) {
  const auto x = load_certificate(certificates_in(folder).certificate);
  return x ? facts_of(x->get()) : x.failure();
}

result<certificate_facts> check_certificates(const fs::path& folder, certificate_use use, timestamp now) {
  const auto files = certificates_in(folder);
  const auto x = load_certificate(files.certificate);
  if (!x)
    return x.failure();
  const auto authority = load_certificate(files.authority);
  if (!authority)
    return authority.failure();
  const auto key = load_key(files.key);
  if (!key)
    return key.failure();
  auto facts = facts_of(x->get());
  if (!facts)
    return facts;
  const auto in = " (" + folder.string() + ")";
  if (facts->use != use)
    return error{ec::invalid_argument,
                 std::string{use == certificate_use::head
                                 ? "a head needs a certificate made with --head, and this is one of a node"
                                 : "this certificate is one of a head, and a node needs its own"} +
                     in};
  if (facts->expires <= now)
    return error{ec::invalid_argument,
                 "the certificate of " + facts->name + " has expired" + in + "; `muster ca renew` makes another"};
  if (X509_check_private_key(x->get(), key->get()) != 1) {
    ERR_clear_error();
    return error{ec::invalid_argument, "the key is not that of the certificate" + in};
  }
  if (auto good = verify(x->get(), authority->get(), use); !good)
    return error{good.failure().code, good.failure().message + in};
  return facts;
}

result<certificate_facts> stage_certificates(const fs::path& from, const fs::path& to, certificate_use use,
                                             timestamp now) {
  if (auto good = check_certificates(from, use, now); !good)
    return good;
  const auto files = certificates_in(from);
  const auto next = to / staged_folder;
  const auto copies = certificates_in(next);
  if (auto made = make_folder(to); !made)
    return made.failure();
  if (auto made = make_folder(next); !made)
    return made.failure();
  const std::array<std::pair<fs::path, fs::path>, 3> pairs{
      std::pair{files.authority, copies.authority}, {files.certificate, copies.certificate}, {files.key, copies.key}};
  for (const auto& [one, copy] : pairs) {
    const auto text = read_file(one);
    if (!text)
      return text.failure();
    if (auto written = write_file(copy, *text, true); !written)
      return written.failure();
  }
  return check_certificates(next, use, now);
}

result<void> take_staged(const fs::path& to) {
  const auto staged = certificates_in(to / staged_folder);
  const auto used = certificates_in(to);
  std::error_code problem;
  for (const auto& [one, other] : {std::pair{staged.authority, used.authority}, std::pair{staged.key, used.key},
                                   std::pair{staged.certificate, used.certificate}}) {
    fs::rename(one, other, problem);
    if (problem)
      return error{ec::io_error, "cannot put " + other.string() + " in place: " + problem.message()};
  }
  return {};
}

result<identity_proof> prove(const fs::path& folder, const std::string& statement) {
  const auto files = certificates_in(folder);
  auto certificate = read_file(files.certificate);
  if (!certificate)
    return certificate.failure();
  const auto key = load_key(files.key);
  if (!key)
    return key.failure();
  const digest_ptr context{EVP_MD_CTX_new()};
  std::size_t size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(statement.data());
  if (!context || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key->get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, statement.size()) != 1)
    return openssl_failed("signing");
  identity_proof out;
  out.certificate = std::move(*certificate);
  out.signature.resize(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.signature.data()), &size, bytes,
                     statement.size()) != 1)
    return openssl_failed("signing");
  out.signature.resize(size);
  return out;
}

result<std::string> check_proof(const fs::path& authority, const identity_proof& proof, const std::string& statement) {
  if (proof.certificate.empty())
    return error{ec::invalid_argument, "the agent shows no certificate: give it one by --certs"};
  if (proof.certificate.size() > largest_file)
    return error{ec::invalid_argument, "the certificate is too large"};
  const auto x = certificate_of(proof.certificate);
  if (!x)
    return error{ec::invalid_argument, "what the agent shows is no certificate"};
  const auto trusted = load_certificate(authority);
  if (!trusted)
    return trusted.failure();
  if (auto good = verify(x.get(), trusted->get(), certificate_use::node); !good)
    return good.failure();
  const digest_ptr context{EVP_MD_CTX_new()};
  const auto* signature = reinterpret_cast<const unsigned char*>(proof.signature.data());
  const auto* bytes = reinterpret_cast<const unsigned char*>(statement.data());
  const bool good =
      context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, X509_get0_pubkey(x.get())) == 1 &&
      EVP_DigestVerify(context.get(), signature, proof.signature.size(), bytes, statement.size()) == 1;
  ERR_clear_error();
  if (!good)
    return error{ec::invalid_argument, "the agent does not have the key of the certificate that it shows"};
  return common_name(x.get());
}

} // namespace muster::gateway
