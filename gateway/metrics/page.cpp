#include "gateway/metrics/page.hpp"

#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>
#include <unordered_map>

namespace muster::gateway {

class metrics_page::impl {
public:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help, prometheus::MetricType type,
                                const labels& with) {
    const auto [found, is_new] = places_.emplace(name, families.size());
    if (is_new)
      families.push_back({name, help, type, {}});
    auto& out = families[found->second].metric.emplace_back();
    for (const auto& [label, value] : with)
      out.label.push_back({label, value});
    return out;
  }

  std::vector<prometheus::MetricFamily> families;

private:
  std::unordered_map<std::string, std::size_t> places_;
};

metrics_page::metrics_page() : impl_(std::make_unique<impl>()) {}
metrics_page::~metrics_page() = default;

void metrics_page::gauge(const std::string& name, const std::string& help, double value, const labels& with) {
  impl_->add(name, help, prometheus::MetricType::Gauge, with).gauge.value = value;
}

void metrics_page::counter(const std::string& name, const std::string& help, double value, const labels& with) {
  impl_->add(name, help, prometheus::MetricType::Counter, with).counter.value = value;
}

void metrics_page::histogram(const std::string& name, const std::string& help, const distribution& values,
                             const labels& with) {
  auto& out = impl_->add(name, help, prometheus::MetricType::Histogram, with).histogram;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < values.counts.size(); ++i) {
    so_far += values.counts[i];
    out.bucket.push_back(
        {so_far, i < values.bounds.size() ? values.bounds[i] : std::numeric_limits<double>::infinity()});
  }
  out.sample_count = so_far;
  out.sample_sum = values.sum;
}

std::string metrics_page::text() const {
  std::ostringstream out;
  prometheus::TextSerializer{}.Serialize(out, impl_->families);
  return out.str();
}

} // namespace muster::gateway
