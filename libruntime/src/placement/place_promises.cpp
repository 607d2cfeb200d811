#include "placement/place_promises.hpp"

namespace muster {

namespace {

std::optional<gang_key> found_in(const std::unordered_map<gang_key, gang_key>& all, gang_key key) {
  const auto at = all.find(key);
  return at == all.end() ? std::nullopt : std::make_optional(at->second);
}

} // namespace

void place_promises::add(gang_key of, gang_key heir) {
  heirs_.emplace(of, heir);
  givers_.emplace(heir, of);
}

std::optional<gang_key> place_promises::heir_of(gang_key of) const {
  return found_in(heirs_, of);
}

std::optional<gang_key> place_promises::giver_of(gang_key heir) const {
  return found_in(givers_, heir);
}

std::optional<gang_key> place_promises::settle(gang_key key) {
  const auto giver = giver_of(key);
  if (giver) {
    heirs_.erase(*giver);
    givers_.erase(key);
  }
  return giver;
}

void place_promises::leave(gang_key key) {
  const auto giver = settle(key);
  const auto heir = heir_of(key);
  if (!heir)
    return;
  heirs_.erase(key);
  givers_.erase(*heir);
  if (giver)
    add(*giver, *heir);
}

} // namespace muster
