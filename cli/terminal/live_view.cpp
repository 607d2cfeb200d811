#include "cli/terminal/run_view.hpp"
#include "cli/terminal/text.hpp"
#include "muster/picture/timeline.hpp"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace muster::cli {

namespace {

using clock = std::chrono::steady_clock;

/// A task that has begun and not ended.
struct active_task {
  std::string group;
  std::string task;
  muster::status status = muster::status::processing;
  timestamp since{};
  std::string node;
  std::string reason;
  std::string family; ///< Of elements of a `foreach`; empty for none.
};

/// Of the elements of one `foreach`, those that have ended.
struct ended_counts {
  std::uint64_t done = 0;
  std::uint64_t failed = 0;
};

/// Many elements in one row.
struct family_row {
  std::size_t running = 0;
  std::size_t queued = 0;
  timestamp since = timestamp::max(); ///< Of the one that has run longest.
};

/// What is most worth a row of the screen comes first.
int rank(status s) {
  switch (s) {
    case status::running: return 0;
    case status::initializing: return 1;
    case status::scheduling: return 2;
    default: return 3;
  }
}

/// A line of parts, of which each is taken if it has room.
class fitted_line {
public:
  explicit fitted_line(std::size_t room) : room_(room) {}

  /// What a further part may take.
  [[nodiscard]] std::size_t left() const {
    const auto gap = used_ == 0 ? 0 : space;
    return room_ > used_ + gap ? room_ - used_ - gap : 0;
  }

  /// Parts stand in the order of their places.
  void take(int place, std::string part) {
    const auto width = width_of(part);
    if (width > left())
      return;
    used_ = room_ - left() + width;
    parts_[place] = std::move(part);
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [place, part] : parts_)
      out += (out.empty() ? "" : std::string(space, ' ')) + part;
    return out;
  }

private:
  static constexpr std::size_t space = 2;

  std::size_t room_;
  std::size_t used_ = 0;
  std::map<int, std::string> parts_;
};

class live_view final : public run_view {
public:
  live_view(const store::workflow_record& workflow, std::uint64_t total)
      : id_(workflow.id), total_(total), begun_(clock::now()), look_(style::for_descriptor(STDOUT_FILENO)) {}
  ~live_view() override { live_view::close(); }

  void on_event(const store::named_event& x) override {
    if (x.fact.type == event_type::task_status)
      on_task(x);
    changed_ = true;
  }

  void on_line(const log_line& x) override {
    constexpr std::size_t most_held = 65'536;
    above_ += look_.paint_number(x.number, x.task);
    above_ += " | ";
    above_ += screen_line(x.text);
    above_ += '\n';
    if (above_.size() > most_held)
      draw();
  }

  void note(std::string_view text) override {
    above_ += look_.paint(tone::strong, text) + '\n';
    draw();
  }

  void tick() override {
    constexpr auto redraw_interval = std::chrono::milliseconds(100);
    constexpr auto clock_interval = std::chrono::milliseconds(500); // Elapsed times go on without events.
    const auto since = clock::now() - drawn_;
    if (since >= redraw_interval && (changed_ || !above_.empty() || since >= clock_interval))
      draw();
  }

  void close() override {
    if (closed_)
      return;
    closed_ = true;
    std::cout << erase() << above_;
    std::cout.flush();
  }

private:
  void on_task(const store::named_event& x) {
    if (is_group_finished(x.fact.status)) {
      active_.erase(x.fact.task);
      ++finished_;
      const bool quiet = count_in_family(x);
      // A failure stays visible above the table; one by upstream tells nothing new.
      if (is_failed(x.fact.status)) {
        ++failed_;
        if (!quiet && x.fact.status != status::failed_upstream && x.fact.status != status::failed_canceled)
          above_ += look_.paint(tone::bad, failure_text(x)) + '\n';
      }
      return;
    }
    auto& row = active_[x.fact.task];
    if (row.status != x.fact.status || row.task.empty()) // Else it only says more about what it does.
      row.since = x.fact.time;
    row.group = x.group;
    row.task = x.task;
    row.status = x.fact.status == status::rescheduled ? status::processing : x.fact.status;
    row.node = x.fact.node;
    row.reason = x.fact.text;
    if (row.family.empty())
      row.family = picture::family_of(x.task);
  }

  /// Returns whether enough was said of the failures of its like.
  bool count_in_family(const store::named_event& x) {
    constexpr std::uint64_t failures_told = 5;
    const auto family = picture::family_of(x.task);
    if (family.empty())
      return false;
    auto& ended = ended_[family];
    if (x.fact.status == status::completed)
      ++ended.done;
    if (!is_failed(x.fact.status))
      return false;
    if (++ended.failed == failures_told + 1)
      above_ += look_.paint(tone::bad, "further failures of " + printable(family) + " are counted below") + '\n';
    return ended.failed > failures_told;
  }

  static std::string failure_text(const store::named_event& x) {
    auto text = printable(x.task) + "  " + std::string(to_string(x.fact.status));
    if (x.fact.exit_code != no_exit_code)
      text += "  exit code " + std::to_string(x.fact.exit_code);
    const bool told = x.fact.text.empty() || x.fact.text == "exit code " + std::to_string(x.fact.exit_code);
    return told ? text : text + "  " + printable(x.fact.text);
  }

  /// Moves to where the block begins and clears it.
  std::string erase() {
    if (block_lines_ == 0)
      return {};
    const auto lines = std::exchange(block_lines_, 0);
    return "\r\x1b[" + std::to_string(lines) + "A\x1b[J";
  }

  void draw() {
    const auto size = size_of_terminal(STDOUT_FILENO);
    std::string out = erase() + above_;
    above_.clear();
    for (const auto& line : block(size)) {
      out += line + '\n';
      ++block_lines_;
    }
    std::cout << out;
    std::cout.flush();
    drawn_ = clock::now();
    changed_ = false;
  }

  [[nodiscard]] std::vector<std::string> block(terminal_size size) const {
    const std::size_t most_rows = std::min<std::size_t>(size.rows > 8 ? size.rows / 2 : 0, 20);
    auto families = many();
    std::vector<active_task> shared;
    shared.reserve(families.size());
    for (const auto& [family, x] : families)
      shared.push_back(row_of(family, x));
    std::vector<const active_task*> rows;
    std::vector<const active_task*> elements; // Of those: shown if there is room.
    for (const auto& [task, row] : active_)
      (families.count(row.family) > 0 ? elements : rows).push_back(&row);
    for (const auto& row : shared)
      rows.push_back(&row);
    const auto by_rank = [](const auto* a, const auto* b) { return rank(a->status) < rank(b->status); };
    std::stable_sort(rows.begin(), rows.end(), by_rank);
    std::stable_sort(elements.begin(), elements.end(), by_rank);
    for (const auto* row : elements)
      if (rows.size() < most_rows && row->status == status::running)
        rows.push_back(row);
    std::vector<std::string> lines;
    if (most_rows > 0 && !rows.empty())
      print_rows({rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), most_rows))}, size,
                 lines);
    if (rows.size() > most_rows && most_rows > 0)
      lines.push_back(look_.paint(tone::faint, "  and " + std::to_string(rows.size() - most_rows) + " more"));
    lines.push_back(progress(size));
    return lines;
  }

  /// Those of which more are active than are worth rows of their own.
  [[nodiscard]] std::map<std::string, family_row> many() const {
    constexpr std::size_t enough = 3;
    std::map<std::string, family_row> out;
    for (const auto& [task, row] : active_) {
      if (row.family.empty())
        continue;
      auto& x = out[row.family];
      ++(row.status == status::running ? x.running : x.queued);
      x.since = std::min(x.since, row.since);
    }
    for (auto at = out.begin(); at != out.end();)
      at = at->second.running + at->second.queued > enough ? std::next(at) : out.erase(at);
    return out;
  }

  [[nodiscard]] active_task row_of(const std::string& family, const family_row& x) const {
    active_task row;
    row.group = family;
    row.status = x.running > 0 ? status::running : status::scheduling;
    row.since = x.since;
    row.reason = std::to_string(x.running) + " running, " + std::to_string(x.queued) + " queued";
    if (const auto ended = ended_.find(family); ended != ended_.end()) {
      row.reason += ", " + std::to_string(ended->second.done) + " done";
      if (ended->second.failed > 0)
        row.reason += ", " + std::to_string(ended->second.failed) + " failed";
    }
    return row;
  }

  using cells = std::vector<std::vector<std::string>>;

  /// With a header. Where there is little room, one column has the names.
  [[nodiscard]] static cells cells_of(const std::vector<const active_task*>& rows, bool narrow) {
    constexpr std::size_t longest_name = 24;
    const auto now = std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
    cells out{{"GROUP", "TASK", "STATUS", "ELAPSED", "NODE", "REASON"}};
    for (const auto* row : rows)
      out.push_back({cut(printable(row->group), longest_name), cut(printable(row->task), longest_name),
                     std::string(to_string(row->status)), show_duration(now - row->since), printable(row->node),
                     printable(row->reason)});
    if (!narrow)
      return out;
    out.front()[1] = "NAME";
    for (auto& line : out) {
      if (line[1].empty()) // Many elements in one row.
        line[1] = std::move(line[0]);
      line.erase(line.begin());
    }
    return out;
  }

  [[nodiscard]] static std::vector<std::size_t> widths_of(const cells& lines) {
    std::vector<std::size_t> widths(lines.front().size());
    for (const auto& line : lines)
      for (std::size_t i = 0; i < widths.size(); ++i)
        widths[i] = std::max(widths[i], width_of(line[i]));
    return widths;
  }

  /// Leaves out the columns behind the status that have no room; of the last one a part is enough.
  static void drop_columns(std::vector<std::size_t>& widths, std::size_t status_column, std::size_t room) {
    constexpr std::size_t enough = 8;
    std::size_t used = 0;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const bool last = i + 1 == widths.size();
      const auto least = last ? std::min(widths[i], enough) : widths[i];
      if (i > status_column && used + least > room)
        return widths.resize(i);
      used += widths[i] + 2;
    }
  }

  void print_rows(const std::vector<const active_task*>& rows, terminal_size size,
                  std::vector<std::string>& lines) const {
    const auto room = room_in(size);
    auto shown = cells_of(rows, false);
    auto widths = widths_of(shown);
    // How long something has run says more than its group.
    const bool narrow = widths[0] + widths[1] + widths[2] + widths[3] + 6 > room;
    if (narrow) {
      shown = cells_of(rows, true);
      widths = widths_of(shown);
      if (widths[0] + 2 + widths[1] > room)
        widths[0] = room > widths[1] + 2 ? room - widths[1] - 2 : 1;
    }
    drop_columns(widths, narrow ? 1 : 2, room);
    for (std::size_t n = 0; n < shown.size(); ++n) {
      std::string text;
      for (std::size_t i = 0; i < widths.size(); ++i) {
        const auto cell = cut(shown[n][i], widths[i]);
        text += cell;
        if (i + 1 < widths.size())
          text += std::string(widths[i] - width_of(cell) + 2, ' ');
      }
      // Cut first: a line that wraps would break the redrawing.
      const auto fitting = cut(text, room);
      lines.push_back(look_.paint(n == 0 ? tone::strong : tone_of(rows[n - 1]->status), fitting));
    }
  }

  [[nodiscard]] static std::size_t room_in(terminal_size size) { return size.columns > 1 ? size.columns - 1 : 1; }

  [[nodiscard]] static std::string bar_of(std::uint64_t done, std::uint64_t total, std::size_t width) {
    const std::size_t full = width * std::min(done, total) / total;
    std::string bar;
    for (std::size_t i = 0; i < width; ++i)
      bar += i < full ? "█" : "░";
    return bar;
  }

  /// Where there is little room, what is less worth it is left out: how many have ended, and the time, come first.
  [[nodiscard]] std::string progress(terminal_size size) const {
    enum place { bar_place, count_place, running_place, waiting_place, failed_place, time_place, id_place };
    constexpr std::size_t longest_bar = 24;
    constexpr std::size_t shortest = 5; // Of a bar or an id.
    std::size_t running = 0;
    for (const auto& [task, row] : active_)
      running += row.status == status::running ? 1 : 0;
    fitted_line line(room_in(size));
    if (total_ == 0)
      line.take(count_place, count_of(finished_, "task") + " done");
    const auto passed = show_duration(std::chrono::duration_cast<duration>(clock::now() - begun_));
    const auto done = std::to_string(finished_) + '/' + std::to_string(total_);
    if (total_ > 0)
      line.take(count_place, done + (width_of(done + passed) + 8 > line.left() ? "" : " tasks"));
    line.take(time_place, passed);
    if (failed_ > 0)
      line.take(failed_place, std::to_string(failed_) + " failed");
    line.take(running_place, std::to_string(running) + " running");
    if (active_.size() > running)
      line.take(waiting_place, std::to_string(active_.size() - running) + " queued");
    if (total_ > 0 && line.left() >= shortest)
      line.take(bar_place, bar_of(finished_, total_, std::min(longest_bar, line.left())));
    if (line.left() >= shortest)
      line.take(id_place, cut(id_, line.left()));
    return cut(line.text(), room_in(size));
  }

  std::string id_;
  std::uint64_t total_;
  clock::time_point begun_;
  style look_;
  std::map<task_index, active_task> active_;  ///< As many as the workflow has admitted at once.
  std::map<std::string, ended_counts> ended_; ///< By family: as many as the spec has.
  std::uint64_t finished_ = 0;
  std::uint64_t failed_ = 0;
  std::string above_; ///< To be printed above the block at the next drawing.
  std::size_t block_lines_ = 0;
  clock::time_point drawn_{};
  bool changed_ = true;
  bool closed_ = false;
};

} // namespace

std::unique_ptr<run_view> make_live_view(const store::workflow_record& workflow, std::uint64_t total) {
  return std::make_unique<live_view>(workflow, total);
}

} // namespace muster::cli
