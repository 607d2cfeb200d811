#include "cli/suggest.hpp"

#include "muster/base/nearest.hpp"

namespace muster::cli {

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const auto question = muster::did_you_mean(word, candidates);
  return question.empty() ? question : "; " + question;
}

std::string did_you_mean_or_known(std::string_view word, const std::vector<std::string>& candidates) {
  auto out = did_you_mean(word, candidates);
  if (out.empty())
    for (const auto& candidate : candidates)
      out += (out.empty() ? "; known are " : ", ") + candidate;
  return out;
}

} // namespace muster::cli
