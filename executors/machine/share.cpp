#include "executors/machine/share.hpp"

#include "muster/spec/quantity.hpp"

#include <algorithm>
#include <string>

namespace muster::machine {

namespace {

void limit(std::int64_t& total, const std::optional<std::int64_t>& most) {
  total = std::min(total, most.value_or(total));
}

} // namespace

result<void> check_share(const share& x, const capacity& total) {
  const auto refuse = [](const std::string& asked, const std::string& there) {
    return error{ec::invalid_argument, "this node is to offer " + asked + ", and the machine has " + there};
  };
  if (x.cpu && *x.cpu > total.cpu)
    return refuse(std::to_string(*x.cpu) + " CPUs", std::to_string(total.cpu));
  if (x.memory && *x.memory > total.memory)
    return refuse(spec::bytes_text(*x.memory) + " of memory", spec::bytes_text(total.memory));
  return {};
}

void limit_to(const share& x, capacity& total) {
  limit(total.cpu, x.cpu);
  limit(total.memory, x.memory);
  limit(total.storage, x.storage);
}

} // namespace muster::machine
