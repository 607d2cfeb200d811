#include "actors/errors.hpp"

#include <caf/all.hpp>

namespace muster {

namespace {

const auto category = caf::atom("muster");

} // namespace

caf::error to_caf(const error& x) {
  return caf::error{static_cast<std::uint8_t>(x.code), category, caf::make_message(x.message)};
}

error from_caf(const caf::error& x) {
  if (x.category() == category && x.context().match_elements<std::string>())
    return {static_cast<ec>(x.code()), x.context().get_as<std::string>(0)};
  if (x == caf::sec::request_timeout)
    return {ec::timed_out, "an actor did not answer in time"};
  return {ec::internal, "message between actors failed: " + caf::to_string(x)};
}

std::string joined(const std::vector<std::string>& reasons) {
  std::string text;
  for (const auto& x : reasons)
    text += (text.empty() ? "" : "; ") + x;
  return text;
}

caf::error has_ended(const std::string& workflow) {
  return to_caf({ec::conflict, "workflow " + workflow + " has ended"});
}

error no_answer(const caf::error& why, std::chrono::milliseconds limit) {
  if (why == caf::sec::request_timeout)
    return {ec::unavailable, "there was no answer within " + std::to_string(limit.count()) +
                                 " ms; what was asked for may be done all the same"};
  if (why == caf::sec::request_receiver_down)
    return {ec::unavailable, "the runtime is ending"};
  return from_caf(why);
}

} // namespace muster
