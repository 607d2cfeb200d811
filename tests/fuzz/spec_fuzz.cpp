#include "muster/spec/codec.hpp"
#include "muster/spec/flow_codec.hpp"
#include "muster/spec/load.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

/// Loads any text under both profiles. A spec that loads must survive the store; one that does not must say why.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster::spec;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const auto rules : {profile::muster, profile::osmo}) {
    load_options options;
    options.profile = rules;
    options.read_local_files = false;
    const auto loaded = load(text, options);
    if (loaded.ok() != loaded.errors.empty())
      std::abort();
    for (const auto& problem : loaded.errors)
      if (render(problem).empty())
        std::abort();
    if (!loaded.ok())
      continue;
    if (to_resolved_json(*loaded.workflow).empty())
      std::abort();
    if (loaded.workflow->flow) {
      const auto stored = encode(*loaded.workflow->flow);
      const auto back = decode_scope(stored);
      if (!back || encode(**back) != stored)
        std::abort();
    }
    for (const auto& group : loaded.workflow->groups)
      for (const auto& task : group.tasks) {
        const auto stored = encode(task);
        const auto back = decode_task(stored);
        if (!back || encode(*back) != stored)
          std::abort();
      }
  }
  return 0;
}
