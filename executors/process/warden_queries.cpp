#include "executors/process/warden_queries.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace muster::process {

namespace {

/// The warden takes no longer query in one piece.
constexpr std::size_t longest_piece = 2'000;

/// Of the pieces of one query.
struct gathered_answers {
  std::size_t wanted = 0;
  warden_queries::handler answered; ///< Null once it was called.
  std::vector<adoption> all{};

  void add(const std::vector<adoption>* part) {
    if (!answered)
      return;
    if (part != nullptr)
      all.insert(all.end(), part->begin(), part->end());
    if (part != nullptr && all.size() < wanted)
      return;
    std::exchange(answered, nullptr)(part == nullptr ? nullptr : &all);
  }
};

} // namespace

void warden_queries::ask(const std::vector<wire::query_item>& about, std::string& unsent, handler answered) {
  if (about.empty()) {
    const std::vector<adoption> nothing;
    return answered(&nothing);
  }
  const auto gathered = std::make_shared<gathered_answers>(gathered_answers{about.size(), std::move(answered)});
  for (std::size_t begin = 0; begin < about.size(); begin += longest_piece) {
    const auto end = std::min(about.size(), begin + longest_piece);
    const std::vector<wire::query_item> items(about.begin() + static_cast<std::ptrdiff_t>(begin),
                                              about.begin() + static_cast<std::ptrdiff_t>(end));
    wire::write_query(unsent, items);
    open_.push_back({items.size(), [gathered](const std::vector<adoption>* part) { gathered->add(part); }});
  }
}

void warden_queries::take(const std::vector<std::uint8_t>& answer) {
  if (open_.empty())
    return;
  const auto oldest = std::move(open_.front());
  open_.pop_front();
  if (answer.size() != oldest.count)
    return oldest.answered(nullptr);
  std::vector<adoption> found;
  std::transform(answer.begin(), answer.end(), std::back_inserter(found),
                 [](std::uint8_t x) { return static_cast<adoption>(x); });
  oldest.answered(&found);
}

void warden_queries::give_up() {
  for (const auto& x : std::exchange(open_, {}))
    x.answered(nullptr);
}

} // namespace muster::process
