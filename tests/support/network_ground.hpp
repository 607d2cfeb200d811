#pragma once

#include <string>
#include <vector>

namespace muster::test {

/// Machines that are network namespaces, on one wire: this thread, and all programs that it starts from now on, are at
/// 10.78.0.1; others are run behind `prefix_of`. Needs root and iproute2. Taken down by the destructor.
class network_ground {
public:
  explicit network_ground(unsigned machines);
  ~network_ground();
  network_ground(const network_ground&) = delete;
  network_ground& operator=(const network_ground&) = delete;

  /// Why there is none; empty if there is.
  [[nodiscard]] const std::string& missing() const noexcept { return missing_; }
  /// The path of the namespace of machine 1, 2, ...
  [[nodiscard]] std::string namespace_of(unsigned machine) const;
  /// What a program of machine 1, 2, ... is run by.
  [[nodiscard]] std::vector<std::string> prefix_of(unsigned machine) const;
  /// `10.78.0.11` of machine 1.
  [[nodiscard]] static std::string address_of(unsigned machine);
  /// Gives this thread's machine the address fd78::1 and machine 1, 2, ... fd78::11, ... as well. False where this host
  /// has no IPv6.
  [[nodiscard]] bool add_ipv6() const;
  /// Pulls its plug, or puts it in again.
  void cut(unsigned machine) const;
  void heal(unsigned machine) const;

private:
  [[nodiscard]] std::string name_of(unsigned machine) const;
  bool ip(const std::vector<std::string>& words) const;
  void add(unsigned machine);

  int home_ = -1; ///< Where this thread was.
  unsigned machines_ = 0;
  std::string missing_;
};

} // namespace muster::test
