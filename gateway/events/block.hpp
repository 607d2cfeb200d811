#pragma once

#include "muster/base/ids.hpp"
#include "muster/event/event.hpp"
#include "muster/store/records.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace muster::gateway {

/// Committed events in order, each made into text once. Constant once made, so that all streams share it.
class event_block {
public:
  /// One event, and where its text lies.
  struct entry {
    sequence seq;
    event_type type = event_type::unspecified;
    workflow_key workflow;
    std::uint32_t user = 0; ///< Position in `users`.
    std::uint32_t frame = 0, json = 0, json_end = 0, end = 0;
    std::uint32_t group = 0, group_end = 0, task = 0, task_end = 0;
  };

  /// `after`: everything from there to `through` was looked at, though not everything may be here.
  event_block(const std::vector<store::named_event>& events, sequence after, sequence through);

  [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] const std::vector<std::string>& users() const noexcept { return users_; }
  /// Workflows that have an event here, in order.
  [[nodiscard]] const std::vector<workflow_key>& workflows() const noexcept { return workflows_; }
  /// Types of the events here, by number.
  [[nodiscard]] const std::bitset<256>& types() const noexcept { return types_; }
  [[nodiscard]] sequence after() const noexcept { return after_; }
  [[nodiscard]] sequence through() const noexcept { return through_; }
  /// Memory that it takes, about.
  [[nodiscard]] std::size_t bytes() const noexcept;

  /// Position of the first entry behind `seq`.
  [[nodiscard]] std::size_t behind(sequence seq) const noexcept;

  /// `id: 7`, `event: task.status`, `data: {...}` and an empty line, as event streams have it.
  [[nodiscard]] std::string_view frame(const entry& x) const { return text(x.frame, x.end); }
  /// The JSON, without a line feed.
  [[nodiscard]] std::string_view json(const entry& x) const { return text(x.json, x.json_end); }
  /// The JSON and a line feed.
  [[nodiscard]] std::string_view line(const entry& x) const { return text(x.json, x.json_end + 1); }
  /// Names; empty where the type has none.
  [[nodiscard]] std::string_view group(const entry& x) const { return text(x.group, x.group_end); }
  [[nodiscard]] std::string_view task(const entry& x) const { return text(x.task, x.task_end); }

private:
  [[nodiscard]] std::string_view text(std::uint32_t begin, std::uint32_t end) const {
    return std::string_view{text_}.substr(begin, end - begin);
  }
  void add(const store::named_event& x);
  [[nodiscard]] std::uint32_t position_of(const std::string& user);

  std::string text_;
  std::vector<entry> entries_;
  std::vector<std::string> users_;
  std::vector<workflow_key> workflows_;
  std::bitset<256> types_;
  sequence after_;
  sequence through_;
};

using block_ptr = std::shared_ptr<const event_block>;

/// Events of one block: their texts are short, so that positions in it are, too.
constexpr std::size_t most_in_block = 4096;

} // namespace muster::gateway
