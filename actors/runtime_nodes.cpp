#include "actors/runtime_impl.hpp"

#include <caf/io/middleman.hpp>

#include <algorithm>
#include <future>
#include <utility>

namespace muster {

void runtime::impl::between_connections(const std::function<void()>& what) {
  if (!system_.has_middleman())
    return;
  std::promise<void> done;
  system_.middleman().backend().post([&] {
    what();
    done.set_value();
  });
  done.get_future().wait();
}

result<void> runtime::impl::tell_fleet(const std::string& node, store::service_change what) {
  if (auto why = health_->refusal())
    return *std::move(why);
  auto reader = store::reader::open(directory_);
  if (!reader)
    return reader.failure();
  const auto nodes = reader->nodes();
  if (!nodes)
    return nodes.failure();
  const auto found = std::find_if(nodes->begin(), nodes->end(), [&](const auto& x) { return x.name == node; });
  const auto fleets = pools_->fleets();
  const auto fleet = found == nodes->end() ? fleets.end() : fleets.find(found->pool);
  if (fleet == fleets.end())
    return {ec::not_found, "no agent has joined as node " + node};
  const auto done = ask<service_answer>(fleet->second, agent::assign_atom::value,
                                        service_change_ptr{std::make_shared<store::service_change>(std::move(what))});
  return done ? result<void>{} : result<void>{done.failure()};
}

} // namespace muster
