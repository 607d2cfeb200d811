#include "cli/terminal/log_mux.hpp"

#include <utility>

namespace muster::cli {

void log_mux::open(attempt_id id, std::string task, std::filesystem::path file, std::uint64_t offset) {
  logs_.try_emplace(id, followed_log{std::move(task), log_tail(std::move(file), offset), {}});
}

std::size_t log_mux::read_some(followed_log& log, std::size_t number, const log_sink& sink) {
  constexpr std::size_t piece = 256 * 1024;
  const auto pass = [&](std::string_view line) { sink({log.task, number, line}); };
  return log.tail.read(piece, [&](std::string_view bytes) { log.lines.feed(bytes, pass); });
}

bool log_mux::pump(const log_sink& sink) {
  bool any = false;
  for (auto& [id, log] : logs_)
    any = read_some(log, id.task.value, sink) > 0 || any;
  return any;
}

void log_mux::finish(attempt_id id, const log_sink& sink, const std::function<bool()>& go_on) {
  const auto found = logs_.find(id);
  if (found == logs_.end())
    return;
  auto& log = found->second;
  while (read_some(log, id.task.value, sink) > 0 && go_on())
    continue;
  log.lines.finish([&](std::string_view line) { sink({log.task, id.task.value, line}); });
  logs_.erase(found);
}

} // namespace muster::cli
