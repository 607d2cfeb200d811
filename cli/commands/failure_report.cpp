#include "cli/commands/failure_report.hpp"

#include "cli/commands/listing.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/remote_logs.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/timeline.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <map>
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
};

client::outcome<failed_tasks> find_failed(client::api& head, const std::string& id) {
  failed_tasks found;
  std::map<std::string, std::size_t> shown;
  const auto done = each_item(head, client::path_of({"workflows", id, "tasks"}), {{"failed", "true"}}, most_looked_at,
                              [&](const json& task) {
                                if (status_of(task) == status::failed_canceled)
                                  return;
                                const auto family = picture::family_of(text_of(task, "name"));
                                const bool few = family.empty() || shown[family] < elements_shown;
                                if (few && found.first.size() < tasks_shown) {
                                  found.first.push_back(task);
                                  ++shown[family];
                                } else {
                                  ++found.others[family];
                                }
                              });
  return done ? client::outcome<failed_tasks>{std::move(found)} : done.why();
}

void print_last_lines(client::api& head, log_part what, std::ostream& out) {
  what.last_lines = lines_shown;
  log_pieces log(head, std::move(what));
  line_cutter lines;
  bool any = false;
  const auto pass = [&](std::string_view line) {
    out << "    | " << printable(line) << '\n';
    any = true;
  };
  const auto got = log.next([&](std::string_view piece) { lines.feed(piece, pass); });
  lines.finish(pass);
  if (!got)
    out << "    (its log cannot be read: " << printable(got.why().detail) << ")\n";
  else if (!any)
    out << "    | (it wrote nothing)\n";
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
  print_last_lines(head, {what.id, name, number, {}, {}, {}}, out);
  out << "    more: " << what.command("logs " + what.id + " -t " + printable(name)) << '\n';
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
  return "muster " + what + " --state-dir " + directory.root().string();
}

std::string command_line(const std::string& what, const head_choice& head) {
  auto out = "muster " + what;
  for (const auto& [option, value] :
       {std::pair{" --address ", &head.address}, {" --context ", &head.context}, {" --token-file ", &head.token_file}})
    if (!value->empty())
      out += option + *value;
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
  for (const auto& task : failed->first)
    print_task(head, what, task, out);
  print_others(failed->others, out);
  out << "\nsee " << what.command("show " + what.id) << std::endl;
}

} // namespace muster::cli
