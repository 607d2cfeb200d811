#pragma once

#include "gateway/auth/guess_limit.hpp"
#include "gateway/auth/identity.hpp"
#include "gateway/http/message.hpp"
#include "muster/base/result.hpp"
#include "muster/base/time.hpp"
#include "muster/store/reader.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace muster::gateway {

/// Who may ask a head.
struct access_config {
  bool tokens = true;                     ///< Else everybody who reaches it is its operator.
  std::vector<std::string> allowed_hosts; ///< Names that `Host` may have without tokens, beside those of loopback.
};

/// Says who asks. All members are thread-safe.
class authority {
public:
  explicit authority(access_config config)
      : tokens_(config.tokens),
        allowed_hosts_(std::make_shared<const std::vector<std::string>>(std::move(config.allowed_hosts))) {}

  /// Other names from now on.
  void set_allowed_hosts(std::vector<std::string> names);

  /// Why a request is refused.
  struct refusal {
    const char* code = "unauthorized"; ///< Of a problem document.
    std::string detail;
  };

  /// What came of asking.
  struct verdict {
    std::optional<identity> who;
    refusal why; ///< If there is nobody.
    /// The token's last use should be recorded: at most once a minute for each.
    bool note_use = false;
  };

  /// Who the request is from. Without tokens `Host` and `Origin` must be names of this machine, so that no page of
  /// another site can speak through a browser (DNS rebinding). `find` reads the token of a hash; its errors are passed
  /// on.
  using find_token = std::function<result<std::optional<store::token_record>>(std::string_view hash)>;
  [[nodiscard]] result<verdict> identify(const http::request& x, const find_token& find, timestamp now,
                                         guess_limit::clock::time_point at = guess_limit::clock::now());

  /// Why a request is refused before its body is read, as far as that can be told without the store: whoever cannot be
  /// somebody shall not fill the memory that bodies share. A token that nobody has shown lately may send a large body
  /// only as a try, of which each peer has some: it counts as failed (`is_unproven`) until `identify` knows better.
  [[nodiscard]] std::optional<refusal>
  refusal_before_body(http::request& x, guess_limit::clock::time_point at = guess_limit::clock::now());

  /// Why a request that needs no token is refused: where nobody needs one, `Host` and `Origin` are checked all the
  /// same.
  [[nodiscard]] std::optional<refusal> refusal_of_host(const http::request& x) const;

  /// Whether it comes from a program of this machine, not from a proxy on it or a page in a browser.
  [[nodiscard]] bool is_from_here(const http::request& x) const;

private:
  [[nodiscard]] std::optional<refusal> check_host(const http::request& x) const;
  [[nodiscard]] bool is_own_host(std::string_view host) const;
  [[nodiscard]] bool is_known(const std::string& hash);
  void remember(const std::string& hash);
  [[nodiscard]] bool take_use(const std::string& token, timestamp now);

  const bool tokens_;
  guess_limit guesses_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<std::string>> allowed_hosts_;
  std::set<std::string> known_;            ///< Hashes that were right lately: their holders are no guessers.
  std::map<std::string, timestamp> noted_; ///< When the use of a token was last noted.
};

} // namespace muster::gateway
