#include "actors/agents/wire.hpp"

#include "executors/remote/attempt_text.hpp"

#include <algorithm>
#include <utility>

namespace muster::agent {

namespace {

/// What a message costs besides texts.
constexpr std::size_t fixed_bytes = 64;

const auto always = [](const commands&, const commands&) { return true; };
const auto same_kind = [](const reports& a, const reports& b) { return a.kind == b.kind; };

void add(outbox<commands>& to, command x) {
  const auto bytes = fixed_bytes + x.text.size();
  to.add(std::move(x), bytes, commands{}, always);
}

void add(outbox<reports>& to, report x, reports_kind kind) {
  const auto& exit = x.what.exit;
  const auto bytes = fixed_bytes + exit.message.size() + exit.result.size() + exit.result_problem.size();
  reports like;
  like.kind = kind;
  to.add(std::move(x), bytes, std::move(like), same_kind);
}

} // namespace

result<void> queue(outbox<commands>& to, const node_command& x, const std::filesystem::path& root) {
  command out{static_cast<std::uint8_t>(x.verb), x.id, x.lease, x.grace, {}};
  if (x.verb != node_verb::prepare) {
    add(to, std::move(out));
    return {};
  }
  auto text = remote::encode(*x.spec, root);
  if (!text)
    return text.failure();
  if (text->size() > most_description)
    return {ec::limit_exceeded, "the task's description takes " + std::to_string(text->size()) +
                                    " bytes, and no more than " + std::to_string(most_description) +
                                    " can be sent to a node: leave large files out of `files`"};
  std::size_t at = 0;
  for (; text->size() - at > most_bytes; at += most_bytes)
    add(to, {piece, x.id, x.lease, 0, text->substr(at, most_bytes)});
  out.text = text->substr(at);
  add(to, std::move(out));
  return {};
}

void queue(outbox<reports>& to, const node_report& x, reports_kind kind) {
  const auto& text = x.what.exit.result;
  std::size_t at = 0;
  for (; text.size() - at > most_bytes; at += most_bytes) {
    report out;
    out.lease = x.lease;
    out.is_piece = true;
    out.what.id = x.what.id;
    out.what.kind = x.what.kind;
    out.what.exit.result = text.substr(at, most_bytes);
    add(to, std::move(out), kind);
  }
  report last{x.lease, x.then_start, x.what};
  last.what.exit.result.erase(0, at);
  add(to, std::move(last), kind);
}

result<std::optional<node_command>> command_reader::read(command x) {
  if (x.verb == piece) {
    auto& text = pieces_[x.id];
    if (text.size() + x.text.size() > most_description) {
      pieces_.erase(x.id);
      return error{ec::limit_exceeded, "the description of attempt " + to_string(x.id) + " is too large"};
    }
    text += x.text;
    return std::optional<node_command>{};
  }
  node_command out;
  out.verb = static_cast<node_verb>(x.verb);
  out.id = x.id;
  out.lease = x.lease;
  out.grace = x.grace;
  switch (out.verb) {
    case node_verb::start:
    case node_verb::stop:
    case node_verb::remove: return std::optional{std::move(out)};
    case node_verb::prepare: break;
    default: return error{ec::invalid_argument, "there is no command " + std::to_string(x.verb)};
  }
  if (const auto begun = pieces_.find(x.id); begun != pieces_.end()) {
    x.text = std::move(begun->second) + x.text;
    pieces_.erase(begun);
  }
  auto spec = remote::decode(x.text, root_);
  if (!spec)
    return spec.failure();
  if (spec->id != x.id || spec->lease != x.lease)
    return error{ec::invalid_argument, "the description is not that of attempt " + to_string(x.id)};
  out.spec = std::make_shared<const attempt_spec>(std::move(*spec));
  return std::optional{std::move(out)};
}

result<std::optional<node_report>> report_reader::read(report x) {
  auto before = std::exchange(begun_, std::nullopt);
  if (before && (before->id != x.what.id || before->lease != x.lease))
    return error{ec::invalid_argument, "the end of the result of attempt " + to_string(before->id) + " is missing"};
  auto text = before ? std::move(before->text) : std::string{};
  if (text.size() + x.what.exit.result.size() > most_result)
    return error{ec::limit_exceeded, "the result of attempt " + to_string(x.what.id) + " is too large"};
  text += x.what.exit.result;
  if (x.is_piece) {
    begun_ = begun{x.what.id, x.lease, std::move(text)};
    return std::optional<node_report>{};
  }
  x.what.exit.result = std::move(text);
  return std::optional{node_report{x.lease, std::move(x.what), x.then_start}};
}

} // namespace muster::agent
