#include "cli/terminal/resource_text.hpp"

#include "cli/terminal/text.hpp"

#include <nlohmann/json.hpp>

namespace muster::cli {

namespace {
constexpr std::int64_t default_bytes = std::int64_t{1} << 30U;
}

std::string describe(const spec::resource& x) {
  auto text = std::to_string(x.cpu.value_or(1)) + " CPU, " + show_bytes(x.memory.value_or(default_bytes)) +
              " memory, " + show_bytes(x.storage.value_or(default_bytes)) + " storage";
  if (x.gpu.value_or(0) > 0)
    text += ", " + std::to_string(*x.gpu) + " GPU";
  if (!x.platform.empty())
    text += ", platform " + printable(x.platform);
  return text;
}

nlohmann::ordered_json resource_json(const spec::resource& x) {
  nlohmann::ordered_json out{{"cpu", x.cpu.value_or(1)},
                             {"gpu", x.gpu.value_or(0)},
                             {"memory", x.memory.value_or(default_bytes)},
                             {"storage", x.storage.value_or(default_bytes)}};
  if (!x.platform.empty())
    out["platform"] = x.platform;
  return out;
}

} // namespace muster::cli
