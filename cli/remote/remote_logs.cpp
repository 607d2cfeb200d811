#include "cli/remote/remote_logs.hpp"

#include <cstdlib>

namespace muster::cli {

remote_logs::remote_logs(client::api& head, std::string workflow, log_sink sink, std::string only)
    : head_(head), workflow_(std::move(workflow)), sink_(std::move(sink)), only_(std::move(only)) {}

void remote_logs::open(const std::string& task, std::uint32_t attempt, std::optional<std::uint64_t> last_lines) {
  const auto [at, is_new] = open_.try_emplace(key{task, attempt});
  if (!is_new)
    return;
  at->second.number = numbers_++;
  at->second.last_lines = last_lines;
}

bool remote_logs::is_open(const std::string& task, std::uint32_t attempt) const {
  return open_.count({task, attempt}) > 0;
}

bool remote_logs::pump() {
  constexpr std::size_t most = 8;
  bool any = false;
  auto at = open_.lower_bound(next_);
  for (std::size_t i = 0; i < most && i < open_.size(); ++i) {
    if (at == open_.end())
      at = open_.begin();
    any = read(at->first, at->second).value_or(0) > 0 || any;
    ++at;
  }
  next_ = at == open_.end() ? key{} : at->first;
  return any;
}

void remote_logs::finish(const std::string& task, std::uint32_t attempt) {
  open(task, attempt);
  const auto at = open_.find({task, attempt});
  while (read(at->first, at->second).value_or(0) > 0) {
  }
  at->second.lines.finish([&](std::string_view line) { sink_({task, at->second.number, line}); });
  open_.erase(at);
}

std::optional<std::size_t> remote_logs::read(const key& which, followed& x) {
  constexpr auto piece = "262144";
  client::request wanted;
  wanted.path = client::path_of({"workflows", workflow_, "tasks", which.first, "logs"});
  wanted.accept = "text/plain";
  wanted.query = {{"attempt", std::to_string(which.second)}, {"limit", piece}};
  if (x.last_lines)
    wanted.query.emplace_back("tail", std::to_string(*x.last_lines));
  else
    wanted.query.emplace_back("offset", std::to_string(x.offset));
  if (!only_.empty())
    wanted.query.emplace_back("stream", only_);
  const auto got = head_.send(wanted);
  if (!got) {
    if (!got.why().unreachable() && got.why().status != 404)
      failure_ = got.why();
    return std::nullopt;
  }
  const auto begin = x.last_lines ? std::strtoull(got->header("x-muster-offset").c_str(), nullptr, 10) : x.offset;
  const auto end = got->header("x-muster-end-offset");
  x.last_lines.reset();
  // Of one stream alone fewer bytes come than are passed over.
  x.offset = end.empty() ? begin + got->body.size() : std::strtoull(end.c_str(), nullptr, 10);
  x.lines.feed(got->body, [&](std::string_view line) { sink_({which.first, x.number, line}); });
  return x.offset - begin;
}

} // namespace muster::cli
