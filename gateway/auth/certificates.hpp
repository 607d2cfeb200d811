#pragma once

#include "muster/base/result.hpp"
#include "muster/base/time.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

/// Certificates by which a head and its nodes know each other: X.509, keys of P-256, made by an authority in a folder.
namespace muster::gateway {

/// What a certificate is for; it cannot be used for the other: a node cannot pose as the head.
enum class certificate_use : std::uint8_t { head, node };

/// The files of an authority: `ca.pem`, and `ca-key.pem`, which stays there.
struct authority_files {
  std::filesystem::path certificate;
  std::filesystem::path key;
};
[[nodiscard]] authority_files authority_in(const std::filesystem::path& folder);

/// What a head or a node has in its folder: the certificate of the authority, its own, and its key.
struct certificate_files {
  std::filesystem::path authority;
  std::filesystem::path certificate;
  std::filesystem::path key;
};
[[nodiscard]] certificate_files certificates_in(const std::filesystem::path& folder);

/// Makes an authority. `conflict` if there is one, `io_error`.
[[nodiscard]] result<void> make_authority(const std::filesystem::path& folder, std::chrono::hours lifetime);

/// Until when the authority in a folder counts. `not_found` if there is none, `invalid_argument` if it can make no
/// certificates: it has expired, or the key is another's.
[[nodiscard]] result<timestamp> check_authority(const std::filesystem::path& folder, timestamp now);

/// What a certificate says.
struct certificate_facts {
  std::string name; ///< Of the head or the node.
  certificate_use use = certificate_use::node;
  timestamp expires{};
};

/// Makes a certificate by the authority in `by`, and writes all three files into `out`; those that are there are
/// replaced, the certificate last. It ends with its authority at the latest. `invalid_argument` for a name that cannot
/// be, and as `check_authority`.
[[nodiscard]] result<void> issue_certificate(const std::filesystem::path& by, const std::string& name,
                                             certificate_use use, std::chrono::hours lifetime,
                                             const std::filesystem::path& out);

/// Reads the certificate in a folder. `not_found`, `invalid_argument` for what is none.
[[nodiscard]] result<certificate_facts> read_certificate(const std::filesystem::path& folder);

/// Checks that a folder has what a connection needs: three files that go together, of that use, not expired.
[[nodiscard]] result<certificate_facts> check_certificates(const std::filesystem::path& folder, certificate_use use,
                                                           timestamp now);

/// Copies what is in `from` into a folder in `to`, whole, and checks the copy as `check_certificates` does. What
/// connections use is the copy in `to`, once `take_staged` has put it there: a connection that begins reads the files
/// if they changed, and must not find half of a new certificate.
[[nodiscard]] result<certificate_facts> stage_certificates(const std::filesystem::path& from,
                                                           const std::filesystem::path& to, certificate_use use,
                                                           timestamp now);

/// Puts what was staged in `to` in the place of what is there; while nothing connects.
[[nodiscard]] result<void> take_staged(const std::filesystem::path& to);

/// That somebody has the key of a certificate.
struct identity_proof {
  std::string certificate; ///< PEM.
  std::string signature;   ///< Of a statement; bytes.
};

/// Signs a statement by the key in a folder.
[[nodiscard]] result<identity_proof> prove(const std::filesystem::path& folder, const std::string& statement);

/// The name of the node that made this proof of that statement; `authority` is a PEM file. `invalid_argument` if it is
/// none: another authority, expired, of a head, not signed by that key.
[[nodiscard]] result<std::string> check_proof(const std::filesystem::path& authority, const identity_proof& proof,
                                              const std::string& statement);

} // namespace muster::gateway
