#include "muster/store/results.hpp"

#include <utility>

namespace muster::store {

result<bool> read_results(reader& from, workflow_key key, const std::function<bool(task_index)>& wanted,
                          const std::function<void(task_result_record)>& use) {
  constexpr std::size_t page_size = 4096;
  std::size_t bytes = 0;
  for (task_index first{0};;) {
    auto page = from.task_results(key, first, page_size);
    if (!page)
      return page.failure();
    for (auto& x : page->results) {
      if (!wanted(x.index))
        continue;
      bytes += x.text.size();
      if (bytes > most_result_bytes)
        return false;
      use(std::move(x));
    }
    if (page->at_end)
      return true;
    first = page->next;
  }
}

} // namespace muster::store
