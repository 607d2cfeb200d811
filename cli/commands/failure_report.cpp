#include "cli/commands/failure_report.hpp"

#include "cli/commands/listing.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/remote_logs.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/base/text.hpp"
#include "muster/picture/timeline.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <unistd.h>
#include <vector>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t tasks_shown = 5;
constexpr std::size_t elements_shown = 3; ///< Of the same `foreach`.
constexpr std::uint64_t lines_shown = 10;
constexpr std::size_t most_looked_at = 20'000;

/// Tasks that failed by themselves: as many as are shown, and how many there are beside them.
struct failed_tasks {
  std::vector<json> first;
  std::map<std::string, std::uint64_t> others; ///< By what they are elements of; empty for none.
  std::map<std::string, std::size_t> shown;    ///< Likewise.

  void add(const json& task) {
    const auto family = picture::family_of(text_of(task, "name"));
    const bool few = family.empty() || shown[family] < elements_shown;
    if (few && first.size() < tasks_shown) {
      first.push_back(task);
      ++shown[family];
    } else {
      ++others[family];
    }
  }

  [[nodiscard]] std::uint64_t count() const {
    return std::accumulate(others.begin(), others.end(), std::uint64_t{first.size()},
                           [](std::uint64_t sum, const auto& x) { return sum + x.second; });
  }
};

/// The failures that a step around them bore, or made good: they are not why the workflow failed.
class borne_failures {
public:
  /// Without steps, or where they cannot be had, none is known.
  borne_failures(client::api& head, const std::string& id) {
    const auto got =
        get_json(head, client::path_of({"workflows", id, "steps"}), {{"failures", std::to_string(most_looked_at)}});
    if (got)
      learn(got->value("items", json::array()));
  }

  [[nodiscard]] bool has(const json& task) const {
    constexpr std::string_view suffix = "-group"; // Of the group of a task that is a step.
    auto path = text_of(task, "group");
    if (paths_.count(path) > 0)
      return true;
    if (path.size() > suffix.size() && path.compare(path.size() - suffix.size(), suffix.size(), suffix) == 0)
      path.resize(path.size() - suffix.size());
    for (auto end = path.size(); end != std::string::npos; end = path.rfind('.')) {
      path.resize(end);
      if (paths_.count(path) > 0)
        return true;
    }
    return false;
  }

private:
  void learn(const json& steps) {
    for (const auto& x : steps) {
      if (status_of(x) == status::completed)
        paths_.insert(text_of(x, "path"));
      for (const auto& one : x.value("failures", json::array()))
        if (one.value("borne", false))
          paths_.insert(text_of(one, "path"));
      learn(x.value("inner", json::array()));
    }
  }

  std::set<std::string> paths_;
};

/// What made the workflow fail; what was borne, where it is all that failed.
struct found_failures {
  failed_tasks told;
  std::uint64_t borne = 0; ///< How many are left out.
};

client::outcome<found_failures> find_failed(client::api& head, const std::string& id) {
  const borne_failures known(head, id);
  failed_tasks decisive;
  failed_tasks borne;
  const auto done = each_item(head, client::path_of({"workflows", id, "tasks"}), {{"failed", "true"}}, most_looked_at,
                              [&](const json& task) {
                                if (status_of(task) != status::failed_canceled)
                                  (known.has(task) ? borne : decisive).add(task);
                              });
  if (!done)
    return done.why();
  if (decisive.first.empty())
    return found_failures{std::move(borne)};
  return found_failures{std::move(decisive), borne.count()};
}

/// The line as people can read it; of one that is very long, what it begins with.
std::string shown_line(std::string_view line) {
  constexpr std::size_t longest = 500;
  if (line.size() <= longest)
    return printable(line);
  auto end = longest;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) // Within a character of UTF-8.
    --end;
  return printable(line.substr(0, end)) + " ...";
}

/// The last lines of a log; fewer where they are so long that they are not had at once.
client::outcome<std::vector<std::string>> last_lines(client::api& head, log_part what) {
  for (auto wanted = lines_shown;; wanted = std::max<std::uint64_t>(1, wanted / 3)) {
    what.last_lines = wanted;
    log_pieces log(head, what);
    line_cutter cutter;
    std::vector<std::string> out;
    const auto take = [&](std::string_view line) { out.push_back(shown_line(line)); };
    const auto got = log.next([&](std::string_view piece) { cutter.feed(piece, take); });
    cutter.finish(take);
    if (!got)
      return got.why();
    if (*got < log_pieces::piece || wanted == 1)
      return out;
  }
}

/// Nothing of an attempt that never ran, unless it wrote something: nobody need look for that. Whether there is a log.
bool print_last_lines(client::api& head, const log_part& what, bool has_run, std::ostream& out) {
  const auto lines = last_lines(head, what);
  if (!lines)
    out << "    (its log cannot be read: " << printable(lines.why().detail) << ")\n";
  else if (lines->empty() && has_run)
    out << "    | (it wrote nothing)\n";
  else
    for (const auto& x : *lines)
      out << "    | " << x << '\n';
  return has_run || (lines && !lines->empty());
}

void print_task(client::api& head, const failure_report& what, const json& task, std::ostream& out) {
  const auto look = style::for_descriptor(STDERR_FILENO);
  const auto name = text_of(task, "name");
  const auto reason = text_of(task, "reason");
  const auto attempt = task.value("attempt", json(nullptr));
  const auto code = text_of(attempt, "exit_code");
  const auto number = static_cast<std::uint32_t>(number_of(attempt, "number"));
  out << "\n  " << look.paint(tone::strong, printable(name)) << ' '
      << look.paint(tone_of(status_of(task)), text_of(task, "status"));
  if (!code.empty())
    out << ", exit code " << code;
  if (number > 0)
    out << ", after " << number + 1 << " attempts";
  if (!reason.empty() && reason != "exit code " + code)
    out << ": " << printable(reason);
  out << '\n';
  if (!attempt.is_object())
    return;
  const bool has_run = !attempt.value("times", json::object()).value("running", json(nullptr)).is_null();
  if (print_last_lines(head, {what.id, name, number, {}, {}, {}}, has_run, out))
    out << "    more: " << what.command("logs " + what.id + " -t " + shell_word(printable(name))) << '\n';
}

void print_others(const std::map<std::string, std::uint64_t>& others, std::ostream& out) {
  constexpr std::size_t lines = 5;
  std::size_t told = 0;
  std::uint64_t rest = 0;
  for (const auto& [family, count] : others) {
    if (family.empty() || told++ >= lines) {
      rest += count;
      continue;
    }
    auto name = family;
    while (name.size() > 2 && name.compare(name.size() - 2, 2, ".*") == 0)
      name.resize(name.size() - 2);
    out << "\n  and " << count << " more of " << printable(name) << " failed\n";
  }
  if (rest > 0)
    out << "\n  and " << rest << " more failed\n";
}

} // namespace

std::string command_line(const std::string& what, const store::state_directory& directory) {
  const auto usual = store::state_directory::resolve([](const char* name) -> const char* { return std::getenv(name); });
  if (usual && usual->root() == directory.root())
    return "muster " + what;
  return "muster " + what + " --state-dir " + shell_word(directory.root().string());
}

std::string command_line(const std::string& what, const head_choice& head) {
  auto out = "muster " + what;
  for (const auto& [option, value] :
       {std::pair{" --address ", &head.address}, {" --context ", &head.context}, {" --token-file ", &head.token_file}})
    if (!value->empty())
      out += option + shell_word(*value);
  return out;
}

void report_failure(client::api& head, const failure_report& what, std::ostream& out) {
  const auto look = style::for_descriptor(STDERR_FILENO);
  const auto workflow = get_json(head, client::path_of({"workflows", what.id}));
  const auto failed = find_failed(head, what.id);
  if (workflow)
    out << what.id << ' ' << look.paint(tone_of(status_of(*workflow)), text_of(*workflow, "status")) << " after "
        << what.took;
  else
    out << what.id << " failed";
  if (workflow && !text_of(*workflow, "reason").empty())
    out << ": " << printable(text_of(*workflow, "reason"));
  out << '\n';
  if (!failed) {
    out << "cannot tell which tasks failed: " << printable(failed.why().detail) << std::endl;
    return;
  }
  for (const auto& task : failed->told.first)
    print_task(head, what, task, out);
  print_others(failed->told.others, out);
  if (failed->borne > 0)
    out << "\n  and " << failed->borne << " more failed, which the workflow bore\n";
  out << "\nsee " << what.command("show " + what.id) << std::endl;
}

} // namespace muster::cli
