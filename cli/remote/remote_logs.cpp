#include "cli/remote/remote_logs.hpp"

#include <cstdlib>

namespace muster::cli {

client::outcome<std::uint64_t> log_pieces::next(const std::function<void(std::string_view)>& use) {
  client::request wanted;
  wanted.path = client::path_of({"workflows", what_.workflow, "tasks", what_.task, "logs"});
  wanted.accept = "text/plain";
  wanted.query = {{"attempt", std::to_string(what_.attempt)}, {"limit", std::to_string(piece)}};
  if (what_.last_lines)
    wanted.query.emplace_back("tail", std::to_string(*what_.last_lines));
  else
    wanted.query.emplace_back("offset", std::to_string(offset_));
  if (what_.index)
    wanted.query.emplace_back("index", std::to_string(*what_.index));
  if (!what_.only.empty())
    wanted.query.emplace_back("stream", what_.only);
  const auto got = head_->send(wanted);
  if (!got)
    return got.why();
  const auto number = [&got](const char* header) { return std::strtoull(got->header(header).c_str(), nullptr, 10); };
  const auto begin = what_.last_lines ? number("x-muster-offset") : offset_;
  what_.last_lines.reset();
  // Of one stream alone fewer bytes come than are passed over.
  offset_ = got->header("x-muster-end-offset").empty() ? begin + got->body.size() : number("x-muster-end-offset");
  use(got->body);
  return offset_ - begin;
}

remote_logs::remote_logs(client::api& head, std::string workflow, log_sink sink, std::string only)
    : head_(head), workflow_(std::move(workflow)), sink_(std::move(sink)), only_(std::move(only)) {}

void remote_logs::open(const std::string& task, std::uint32_t attempt, std::optional<std::uint64_t> last_lines) {
  if (open_.count({task, attempt}) == 0)
    open_.emplace(key{task, attempt},
                  followed{numbers_++, log_pieces(head_, {workflow_, task, attempt, last_lines, only_, {}})});
}

bool remote_logs::pump() {
  constexpr std::size_t most = 8;
  bool any = false;
  auto at = open_.lower_bound(next_);
  for (std::size_t i = 0; i < most && i < open_.size(); ++i) {
    if (at == open_.end())
      at = open_.begin();
    const auto now = at++;
    if (now->second.ended) {
      if (read_rest(now))
        open_.erase(now);
    } else if (const auto got = read(now); got && *got > 0) {
      any = true;
    }
  }
  next_ = at == open_.end() ? key{} : at->first;
  return any;
}

void remote_logs::finish(const std::string& task, std::uint32_t attempt) {
  open(task, attempt);
  const auto at = open_.find({task, attempt});
  at->second.ended = true;
  if (read_rest(at))
    open_.erase(at);
}

void remote_logs::finish_rest() {
  for (auto at = open_.begin(); at != open_.end();)
    at = at->second.ended && read_rest(at) ? open_.erase(at) : std::next(at);
}

bool remote_logs::read_rest(place at) {
  for (;;) {
    const auto got = read(at);
    if (!got && got.why().unreachable())
      return false;
    if (!got || *got == 0)
      break;
  }
  at->second.lines.finish([&](std::string_view line) { sink_({at->first.first, at->second.number, line}); });
  return true;
}

client::outcome<std::uint64_t> remote_logs::read(place at) {
  auto& x = at->second;
  const auto pass = [&](std::string_view line) { sink_({at->first.first, x.number, line}); };
  auto got = x.log.next([&](std::string_view piece) { x.lines.feed(piece, pass); });
  if (!got && !got.why().unreachable() && got.why().status != 404)
    failure_ = got.why();
  return got;
}

} // namespace muster::cli
