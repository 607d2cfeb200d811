#include "plan/task_texts.hpp"

#include "muster/spec/codec.hpp"

#include <cstdint>
#include <utility>

namespace muster {

namespace {

constexpr std::int64_t gibibyte = std::int64_t{1} << 30U;

std::string encode_filled(spec::resource x) {
  x.cpu = x.cpu.value_or(1);
  x.gpu = x.gpu.value_or(0);
  x.memory = x.memory.value_or(gibibyte);
  x.storage = x.storage.value_or(gibibyte);
  return spec::encode(x);
}

} // namespace

std::unordered_map<std::string, std::string> resource_texts(const spec::workflow& source) {
  std::unordered_map<std::string, std::string> texts;
  for (const auto& [name, resource] : source.resources)
    texts.emplace(name, encode_filled(resource));
  // A spec without `resources` still has the default one.
  texts.try_emplace("default", encode_filled({}));
  return texts;
}

std::string body_text(spec::task x) {
  x.name.clear();
  x.lead = false;
  return spec::encode(x);
}

} // namespace muster
