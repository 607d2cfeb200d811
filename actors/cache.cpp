#include "actors/cache.hpp"

#include "actors/mailbox_meter.hpp"

#include "actors/cache_parts.hpp"
#include "executors/data/folders.hpp"
#include "muster/base/log.hpp"

#include <caf/all.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace muster {

namespace {

using cache_pointer = cache_actor::stateful_pointer<cache_state>;

/// Earlier tasks of a step that a new one is compared with, to say why it is not the same.
constexpr std::size_t most_compared = 16;

void change(cache_pointer self, store::cache_change what) {
  self->request(self->state.journal, caf::infinite, settle_atom::value,
                cache_change_ptr{std::make_shared<store::cache_change>(std::move(what))})
      .then([](sequence) {}, [](const caf::error&) { /* The JOURNAL has told the runtime. */ });
}

store::cache_note note_of(const attempt_id& who, std::string key, std::string text) {
  return {who.workflow, who.task, std::move(key), std::move(text)};
}

/// An earlier task that serves.
struct source {
  std::string name;   ///< `fan-3 train.2`
  std::string result; ///< JSON; empty for none.
  std::filesystem::path output;
};

/// Answers one question.
class inquiry {
public:
  inquiry(cache_pointer self, const cache_question& asked) : self_(self), state_(self->state), asked_(asked) {}

  cache_answer answer() {
    if (!asked_.spec.task.outputs.empty())
      return run_unknown("it publishes to a URL, which has to be done each time");
    if (!look_at_workflow())
      return run_unknown("the store could not be read");
    const bool may_take = state_.may_take && !state_.takes_none;
    auto parts = parts_of(asked_.spec, asked_.key, *state_.contents);
    if (!parts)
      return run_unknown("what it depends on cannot be read: " + parts.failure().message);
    if (!state_.user.empty()) // What others gave is not to be had by asking for the same.
      parts->push_back({"user", state_.user, {}});
    const auto key = flow::cache_key(*parts);
    if (const auto other = state_.running.find(key); other != state_.running.end()) {
      if (!asked_.is_begun && may_take)
        return {cache_verdict::wait, key, "waiting for the same task in " + other->second.name, {}};
      return run_unknown("the same task runs in " + other->second.name + " as well");
    }
    if (asked_.is_begun)
      return run(key, *parts, "it was begun before a restart");
    if (!may_take)
      return run(key, *parts, "--no-cache was given");
    if (auto taken = take(key))
      return std::move(*taken);
    return run(key, *parts, why_not_taken(*parts));
  }

private:
  /// Whose it is, and whether it was submitted with `no_cache`: its tasks are run then, and serve later ones all the
  /// same. False if that cannot be read.
  bool look_at_workflow() {
    const auto workflow = asked_.spec.id.workflow;
    if (state_.looked_at == workflow)
      return true;
    if (!open_reader())
      return false;
    const auto record = state_.reader->workflow(workflow);
    if (!record)
      return false;
    const auto options = nlohmann::json::parse(record->options, nullptr, false);
    const auto found = options.is_object() ? options.find("no_cache") : options.end();
    state_.takes_none = options.is_object() && found != options.end() && *found == true;
    state_.user = record->user;
    state_.looked_at = workflow;
    return true;
  }

  [[nodiscard]] bool is_of_same_user(workflow_key workflow) {
    const auto record = state_.reader->workflow(workflow);
    return record && record->user == state_.user;
  }

  bool open_reader() {
    if (state_.reader)
      return true;
    auto opened = store::reader::open(*state_.directory);
    if (!opened)
      return false;
    state_.reader.emplace(std::move(*opened));
    return true;
  }

  /// It is run, and serves nobody.
  cache_answer run_unknown(const std::string& why) {
    remove_leftover();
    change(self_, {{}, {}, {}, {note_of(asked_.spec.id, "", why)}});
    return {cache_verdict::run, "", why, {}};
  }

  cache_answer run(const std::string& key, const flow::cache_parts& parts, const std::string& why) {
    remove_leftover();
    cache_state::running_task mine;
    mine.who = asked_.spec.id;
    mine.name = asked_.spec.workflow_id + ' ' + asked_.spec.task.name;
    mine.entry.key = key;
    mine.entry.step = asked_.step;
    mine.entry.workflow = asked_.spec.id.workflow;
    mine.entry.task = asked_.spec.id.task;
    mine.entry.made_of = flow::encode_parts(parts);
    state_.running[key] = std::move(mine);
    change(self_, {{}, {}, {}, {note_of(asked_.spec.id, key, why)}});
    return {cache_verdict::run, key, why, {}};
  }

  /// What was linked there by a runtime that was killed before it could say so, or for a task that was then canceled.
  void remove_leftover() {
    auto log = asked_.spec.folder;
    log += ".log";
    std::error_code ignored;
    if (!asked_.is_begun && !std::filesystem::exists(log, ignored))
      std::filesystem::remove_all(asked_.spec.folder, ignored);
  }

  /// The answer if an earlier task serves.
  std::optional<cache_answer> take(const std::string& key) {
    const auto entry = state_.reader->cached(key);
    if (!entry || !*entry)
      return std::nullopt;
    const auto from = source_of(**entry);
    if (!from) {
      change(self_, {{}, {}, {key}, {}});
      return std::nullopt;
    }
    if (!from->output.empty())
      if (const auto linked = data::link_folder(from->output, asked_.spec.folder / "output"); !linked) {
        log::warn("cache", "output cannot be linked", {{"key", key}, {"why", linked.failure().message}});
        return std::nullopt;
      }
    const auto text = "cached: same as " + from->name;
    change(self_, {{}, {key}, {}, {note_of(asked_.spec.id, key, text)}});
    return cache_answer{cache_verdict::take, key, text, from->result};
  }

  /// Nothing if the entry is good no more: its task was run once more since, or its output is gone.
  std::optional<source> source_of(const store::cache_entry& entry) {
    auto& reader = *state_.reader;
    const auto workflow = reader.workflow(entry.workflow);
    const auto tasks = reader.tasks(entry.workflow, entry.task, 1);
    if (!workflow || !tasks || tasks->empty())
      return std::nullopt;
    const auto& task = tasks->front();
    if (task.status != status::completed || !task.attempt || task.attempt->number != entry.attempt)
      return std::nullopt;
    auto result = reader.task_result(entry.workflow, entry.task);
    if (!result)
      return std::nullopt;
    source out{workflow->id + ' ' + task.name, result->value_or(""), {}};
    if (!entry.has_output)
      return out;
    out.output = state_.directory->output(workflow->id, task.name, entry.attempt);
    std::error_code failed;
    return std::filesystem::is_directory(out.output, failed) ? std::optional{std::move(out)} : std::nullopt;
  }

  /// Compares with those that were most like it.
  std::string why_not_taken(const flow::cache_parts& parts) {
    const auto others = state_.reader->cached_of_step(asked_.step, most_compared);
    std::vector<std::string> least;
    const store::cache_entry* nearest = nullptr;
    if (others)
      for (const auto& x : *others) {
        auto differences = flow::part_differences(x.made_of, parts);
        if (differences.empty() || (nearest != nullptr && differences.size() >= least.size()) ||
            !is_of_same_user(x.workflow))
          continue;
        least = std::move(differences);
        nearest = &x;
      }
    if (nearest == nullptr)
      return "no earlier task is like it";
    constexpr std::size_t most_told = 5;
    std::string text;
    for (std::size_t i = 0; i < least.size() && i < most_told; ++i)
      text += (i > 0 ? "; " : "") + least[i];
    if (least.size() > most_told)
      text += "; and " + std::to_string(least.size() - most_told) + " more";
    const auto workflow = state_.reader->workflow(nearest->workflow);
    const auto tasks = state_.reader->tasks(nearest->workflow, nearest->task, 1);
    if (workflow && tasks && !tasks->empty())
      return "different from " + workflow->id + ' ' + tasks->front().name + ": " + text;
    return "different from an earlier one: " + text;
  }

  cache_pointer self_;
  cache_state& state_;
  const cache_question& asked_;
};

void let_go(cache_state& state, const std::string& key) {
  const auto found = state.running.find(key);
  if (found == state.running.end())
    return;
  auto waiting = std::move(found->second.waiting);
  state.running.erase(found);
  for (auto& promise : waiting)
    promise.deliver(sequence{});
}

void task_ended(cache_pointer self, const cache_end& end) {
  auto& state = self->state;
  const auto found = state.running.find(end.key);
  if (found == state.running.end() || found->second.who.workflow != end.who.workflow ||
      found->second.who.task != end.who.task)
    return;
  if (!end.completed)
    return let_go(state, end.key);
  auto entry = std::move(found->second.entry);
  const auto space = found->second.name.find(' ');
  const auto output = state.directory->output(found->second.name.substr(0, space), found->second.name.substr(space + 1),
                                              end.who.number);
  std::error_code failed;
  entry.attempt = end.who.number;
  entry.has_output = std::filesystem::is_directory(output, failed) && !data::is_empty_folder(output);
  store::cache_change put;
  put.put.push_back(std::move(entry));
  // Those that wait ask again when the store has it.
  self->request(state.journal, caf::infinite, settle_atom::value,
                cache_change_ptr{std::make_shared<store::cache_change>(std::move(put))})
      .then([self, key = end.key](sequence) { let_go(self->state, key); },
            [](const caf::error&) { /* The JOURNAL has told the runtime. */ });
}

} // namespace

cache_actor::behavior_type cache(cache_actor::stateful_pointer<cache_state> self, store::state_directory directory,
                                 journal_actor journal, bool may_take,
                                 std::shared_ptr<const std::atomic<bool>> stopping, const failure_handler& on_failure) {
  auto& state = self->state;
  guard(self, "cache", on_failure);
  state.directory.emplace(std::move(directory));
  state.journal = std::move(journal);
  state.may_take = may_take;
  state.stopping = std::move(stopping);
  state.contents.emplace(*state.stopping);
  return {
      depth_of_mailbox(self),
      [self](check_atom, const cache_question_ptr& asked) {
        return cache_answer_ptr{std::make_shared<cache_answer>(inquiry{self, *asked}.answer())};
      },
      [self, &state](watch_atom, const std::string& key) -> caf::result<sequence> {
        const auto found = state.running.find(key);
        if (found == state.running.end())
          return sequence{};
        auto promise = self->make_response_promise<sequence>();
        found->second.waiting.push_back(promise);
        return promise;
      },
      [self](finished_atom, const cache_end_ptr& end) { task_ended(self, *end); },
      [](publish_atom, const std::string& folder) {
        if (const auto shown = data::show_output(folder); !shown)
          log::warn("cache", "output folder cannot be shown", {{"folder", folder}, {"why", shown.failure().message}});
        return sequence{};
      },
  };
}

} // namespace muster
