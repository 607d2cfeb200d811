#include "muster/spec/template.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

muster::spec::template_value variables() {
  using value = muster::spec::template_value;
  muster::spec::template_dict inner;
  inner.set("a", 1);
  inner.set("b", value::make_list({1, "x", 2.5, value(), true}));
  muster::spec::template_dict out;
  out.set("s", "Hello <World> h\u00e9");
  out.set("n", 3);
  out.set("l", value::make_list({3, 1, 2}));
  out.set("d", value::make_dict(inner));
  return value::make_dict(out);
}

} // namespace

/// Renders the input as a template within small limits: whatever it is, it ends, and says why.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::spec::template_limits limits;
  limits.steps = 20'000;
  limits.memory_bytes = 4 << 20;
  limits.output_bytes = 1 << 20;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto outcome = muster::spec::render_template(text, variables(), limits);
  if (!outcome.ok && (outcome.problem.message.empty() || outcome.problem.code == muster::ec::internal))
    std::abort();
  return 0;
}
