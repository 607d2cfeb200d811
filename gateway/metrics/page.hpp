#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::gateway {

/// Values that were counted by size. `counts[i]` is how many were at most `bounds[i]`, and above the bound before it;
/// one more at the end for those above all bounds.
struct distribution {
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts;
  double sum = 0;
};

/// One scrape: figures as they are now, in the text format of Prometheus. Names carry their unit, `muster_..._seconds`,
/// and counters end in `_total`. A label must never be an id: a scrape costs the same however much was ever run.
class metrics_page {
public:
  using labels = std::vector<std::pair<const char*, std::string>>;

  metrics_page();
  ~metrics_page();
  metrics_page(const metrics_page&) = delete;
  metrics_page& operator=(const metrics_page&) = delete;

  /// Figures of one name belong together: the first call with a name gives the help.
  void gauge(const std::string& name, const std::string& help, double value, const labels& with = {});
  void counter(const std::string& name, const std::string& help, double value, const labels& with = {});
  void histogram(const std::string& name, const std::string& help, const distribution& values, const labels& with = {});

  /// What a scraper reads; its type is `content_type`.
  [[nodiscard]] std::string text() const;
  static constexpr const char* content_type = "text/plain; version=0.0.4; charset=utf-8";

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

} // namespace muster::gateway
