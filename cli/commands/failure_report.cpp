#include "cli/commands/failure_report.hpp"

#include "cli/commands/listing.hpp"
#include "cli/terminal/log_tail.hpp"
#include "cli/terminal/style.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/timeline.hpp"

#include <cstdlib>
#include <map>
#include <unistd.h>
#include <vector>

namespace muster::cli {

namespace {

constexpr std::size_t tasks_shown = 5;
constexpr std::size_t elements_shown = 3; ///< Of the same `foreach`.
constexpr std::uint64_t lines_shown = 10;

/// Tasks that failed by themselves: as many as are shown, and how many there are beside them.
struct failed_tasks {
  std::vector<store::task_record> first;
  std::map<std::string, std::uint64_t> others; ///< By what they are elements of; empty for none.
};

bool failed_by_itself(status s) {
  return is_failed(s) && s != status::failed_upstream && s != status::failed_canceled;
}

result<failed_tasks> find_failed(store::reader& reader, workflow_key key) {
  constexpr std::size_t page_size = 1000;
  failed_tasks found;
  std::map<std::string, std::size_t> shown;
  for (task_index first{0};; first.value += page_size) {
    const auto page = reader.tasks(key, first, page_size);
    if (!page)
      return page.failure();
    for (const auto& task : *page) {
      if (!failed_by_itself(task.status))
        continue;
      const auto family = picture::family_of(task.name);
      const bool few = family.empty() || shown[family] < elements_shown;
      if (few && found.first.size() < tasks_shown) {
        found.first.push_back(task);
        ++shown[family];
      } else {
        ++found.others[family];
      }
    }
    if (page->size() < page_size)
      return found;
  }
}

void print_last_lines(const std::filesystem::path& file, std::ostream& out) {
  constexpr std::size_t most = 64 * 1024; // Ten lines may be long ones.
  log_tail tail(file, offset_of_last_lines(file, lines_shown));
  line_cutter lines;
  bool any = false;
  const auto pass = [&](std::string_view line) {
    out << "    | " << printable(line) << '\n';
    any = true;
  };
  tail.read(most, [&](std::string_view piece) { lines.feed(piece, pass); });
  lines.finish(pass);
  if (!any)
    out << "    | (it wrote nothing)\n";
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

void report_failure(store::reader& reader, const store::state_directory& directory,
                    const store::workflow_record& workflow, std::ostream& out) {
  const auto look = style::for_descriptor(STDERR_FILENO);
  out << workflow.id << ' ' << look.paint(tone_of(workflow.status), to_string(workflow.status)) << " after "
      << elapsed(workflow.submitted, workflow.ended);
  if (!workflow.reason.empty())
    out << ": " << printable(workflow.reason);
  out << '\n';
  const auto failed = find_failed(reader, workflow.key);
  if (!failed) {
    out << "cannot tell which tasks failed: " << failed.failure().message << std::endl;
    return;
  }
  for (const auto& task : failed->first) {
    out << "\n  " << look.paint(tone::strong, printable(task.name)) << ' '
        << look.paint(tone_of(task.status), to_string(task.status));
    if (task.attempt && task.attempt->exit_code != no_exit_code)
      out << ", exit code " << task.attempt->exit_code;
    if (task.attempt && task.attempt->number > 0)
      out << ", after " << task.attempt->number + 1 << " attempts";
    if (!task.reason.empty() &&
        (!task.attempt || task.reason != "exit code " + std::to_string(task.attempt->exit_code)))
      out << ": " << printable(task.reason);
    out << '\n';
    if (!task.attempt)
      continue;
    print_last_lines(directory.log(workflow.id, task.name, task.attempt->number), out);
    out << "    more: " << command_line("logs " + workflow.id + " -t " + task.name, directory) << '\n';
  }
  print_others(failed->others, out);
  out << "\nsee " << command_line("show " + workflow.id, directory) << std::endl;
}

} // namespace muster::cli
