#pragma once

#include "actors/errors.hpp"
#include "muster/base/result.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <optional>
#include <utility>

namespace muster {

/// Sends a request from a thread that is no actor's, and waits for the answer, `limit` at most. `unavailable` when
/// there is none by then, or when who was asked is no more.
template <class Result, class Target, class... Args>
[[nodiscard]] result<Result> ask(caf::actor_system& system, std::chrono::milliseconds limit, const Target& target,
                                 const Args&... args) {
  caf::scoped_actor self{system};
  std::optional<result<Result>> answer;
  self->request(target, caf::duration{limit}, args...)
      .receive([&](Result& x) { answer.emplace(std::move(x)); },
               [&](caf::error& why) { answer.emplace(no_answer(why, limit)); });
  return std::move(*answer);
}

} // namespace muster
