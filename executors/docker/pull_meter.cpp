#include "executors/docker/pull_meter.hpp"

#include <algorithm>

namespace muster::docker {

namespace {

/// No image has more layers; a daemon is not believed.
constexpr std::size_t most_layers = 1024;
constexpr std::int64_t megabyte = 1'000'000;

/// Rounded up: what has begun is not 0.
std::string megabytes(std::int64_t bytes) {
  return std::to_string((bytes + megabyte - 1) / megabyte);
}

} // namespace

void pull_meter::add(const pull_progress& step) {
  const bool loads = step.status == "Downloading";
  const bool loaded = step.status == "Download complete" || step.status == "Verifying Checksum" ||
                      step.status == "Extracting" || step.status == "Pull complete";
  if (step.layer.empty() || (!loads && !loaded) || (layers_.size() >= most_layers && layers_.count(step.layer) == 0))
    return;
  auto& x = layers_[step.layer];
  if (loads) {
    x.total = std::clamp<std::int64_t>(step.total, 0, std::int64_t{1} << 50U);
    x.current = std::clamp<std::int64_t>(step.current, 0, x.total);
  }
  x.loaded = x.loaded || loaded;
}

std::string pull_meter::text() const {
  if (layers_.empty())
    return {};
  if (std::all_of(layers_.begin(), layers_.end(), [](const auto& x) { return x.second.loaded; }))
    return "extracting";
  std::int64_t current = 0;
  std::int64_t total = 0;
  for (const auto& [id, x] : layers_) {
    current += x.loaded ? x.total : x.current;
    total += x.total;
  }
  return total == 0 ? std::string{} : megabytes(current) + " of " + megabytes(total) + " MB";
}

} // namespace muster::docker
