#include "gateway/auth/agent_link.hpp"

#include "gateway/auth/certificates.hpp"

#include <string>
#include <utility>

namespace muster::gateway {

void encrypt_by(const std::filesystem::path& folder, agent_config& to) {
  const auto files = certificates_in(folder);
  to.certificates = link_certificates{files.authority, files.certificate, files.key};
  to.prove = [folder](const std::string& statement) -> result<std::pair<std::string, std::string>> {
    auto proof = gateway::prove(folder, statement);
    if (!proof)
      return proof.failure();
    return std::pair{std::move(proof->certificate), std::move(proof->signature)};
  };
}

} // namespace muster::gateway
