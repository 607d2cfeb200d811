#pragma once

#include "muster/base/result.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace muster::gateway {

/// How many of a kind there may be at the same time, and how many of them for one user. Thread-safe.
class places {
  class core;

public:
  struct bounds {
    std::size_t most = 1;
    std::size_t share = 1; ///< Of one user.
  };
  /// `most`, and a quarter of them for one user.
  [[nodiscard]] static bounds quarter_of(std::size_t most);

  /// `what`, as it is said behind a number: `logs are followed`. `hint`, what else a client may do; may be empty.
  places(bounds x, std::string what, std::string hint = {});

  /// One of them, until this ends; may outlive `places`.
  class place {
  public:
    place(place&& other) noexcept;
    place& operator=(place&&) = delete;
    ~place();

  private:
    friend class places;
    place(std::shared_ptr<core> owner, std::optional<std::string> user);
    std::shared_ptr<core> core_;
    std::optional<std::string> user_;
  };

  /// A place; `unavailable` if all are taken, or as many as one user may have. Without a user that does not count.
  [[nodiscard]] result<place> take(const std::optional<std::string>& user);

  /// Others from now on; whoever has a place keeps it.
  void set_bounds(bounds x);

  /// How many are taken.
  [[nodiscard]] std::size_t count() const;

private:
  std::shared_ptr<core> core_;
};

} // namespace muster::gateway
