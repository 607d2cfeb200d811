#pragma once

#include "muster/api/result.hpp"
#include "muster/api/value.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Workflows built in code. They are what docs/spec.md describes, and are held to its rules: `workflow::check`, and
/// every submission, reports all that is wrong. Until then nothing here fails. A `workflow`, a `scope` and a `step` are
/// handles: copies mean the same thing. One thread at a time.
MUSTER_API_BEGIN

class scope;
class step;
class reference;
struct scope_node;
struct step_node;

/// A condition or a value that is worked out while the workflow runs, in the language of the spec: `results.n > 3`.
/// References make expressions when they are compared: `toss.result("n") > 3 && item("kind") == "big"`.
class MUSTER_API expression {
public:
  expression() = default; ///< None.
  expression(const char* text) : text_(text) {}
  expression(std::string text) : text_(std::move(text)) {}
  expression(const reference& x); ///< Its value; as a condition, whether that is neither false, 0, null nor empty.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  friend expression operator&&(const expression& a, const expression& b) { return joined(a, " and ", b); }
  friend expression operator||(const expression& a, const expression& b) { return joined(a, " or ", b); }
  friend expression operator!(const expression& x) { return {"not (" + x.text_ + ")"}; }

private:
  static expression joined(const expression& a, const char* word, const expression& b) {
    return {"(" + a.text_ + ")" + word + "(" + b.text_ + ")"};
  }
  std::string text_;
};

/// A value that is known only while the workflow runs: a step's result, an item, a parameter. In an argument or in
/// the environment of a task it becomes the value's text: a text as it is, anything else as JSON; lists of items and
/// parameters keep the value as it is. What uses a step's result waits for the step.
class MUSTER_API reference {
public:
  /// `token` as texts have it, `{{item.lr}}`, and the same as an expression, `item.lr`.
  reference(std::string token, std::string expression) : token_(std::move(token)), expression_(std::move(expression)) {}

  /// A part of it: an entry of a dict, an item of a list.
  [[nodiscard]] reference operator[](const std::string& name) const;
  [[nodiscard]] reference operator[](const char* name) const { return (*this)[std::string(name)]; }
  [[nodiscard]] reference operator[](std::size_t at) const;
  [[nodiscard]] reference operator[](int at) const { return (*this)[static_cast<std::size_t>(at)]; }

  [[nodiscard]] const std::string& token() const noexcept { return token_; }
  [[nodiscard]] const std::string& as_expression() const noexcept { return expression_; }
  [[nodiscard]] value as_value() const { return token_; }

private:
  std::string token_;
  std::string expression_;
};

inline std::string operator+(const std::string& a, const reference& b) {
  return a + b.token();
}
inline std::string operator+(const reference& a, const std::string& b) {
  return a.token() + b;
}
[[nodiscard]] MUSTER_API expression compare(const reference& a, const char* with, const value& b);
[[nodiscard]] MUSTER_API expression compare(const reference& a, const char* with, const reference& b);
[[nodiscard]] MUSTER_API expression compare(const reference& a, const char* with, const step& b);
template <class T>
expression operator==(const reference& a, const T& b) {
  return compare(a, " == ", b);
}
template <class T>
expression operator!=(const reference& a, const T& b) {
  return compare(a, " != ", b);
}
template <class T>
expression operator<(const reference& a, const T& b) {
  return compare(a, " < ", b);
}
template <class T>
expression operator<=(const reference& a, const T& b) {
  return compare(a, " <= ", b);
}
template <class T>
expression operator>(const reference& a, const T& b) {
  return compare(a, " > ", b);
}
template <class T>
expression operator>=(const reference& a, const T& b) {
  return compare(a, " >= ", b);
}

/// The item that an element of a `map` is for, or the part of it at a dotted path.
[[nodiscard]] MUSTER_API reference item(const std::string& path = {});
/// The number of an element of a `map`, or of a round of `repeat`, from 0.
[[nodiscard]] MUSTER_API reference index();
/// What the rounds of `repeat` hand on.
[[nodiscard]] MUSTER_API reference carry(const std::string& name);
/// In `until` of `repeat`: the result of the round that has just ended.
[[nodiscard]] MUSTER_API expression round_result(const std::string& path = {});

/// One text that a task gets: a text, a number, a boolean, a handle. Lists and dicts become JSON; those that hold
/// handles cannot, because a result may be a text that JSON would have to quote: that is an error of the workflow.
class MUSTER_API text {
public:
  template <class T, std::enable_if_t<std::is_convertible_v<const T&, value>, int> = 0>
  text(const T& x) : text(value(x), 0) {}
  [[nodiscard]] const std::string& str() const noexcept { return text_; }
  [[nodiscard]] bool has_lost_type() const noexcept { return has_lost_type_; }

private:
  text(const value& x, int);
  std::string text_;
  bool has_lost_type_ = false;
};

/// What stands in a command: one text, or a vector of them, each of which becomes an argument of its own.
class MUSTER_API argument {
public:
  template <class T, std::enable_if_t<std::is_convertible_v<const T&, text>, int> = 0>
  argument(const T& x) : texts_{text(x)} {}
  template <class T>
  argument(const std::vector<T>& xs) : texts_(xs.begin(), xs.end()) {}
  [[nodiscard]] const std::vector<text>& texts() const noexcept { return texts_; }

private:
  std::vector<text> texts_;
};

/// A program and its arguments: `command{"train", "--lr", item("lr"), "--data", split.output()}`. No shell is
/// between, unless it is named.
class MUSTER_API command {
public:
  command(std::initializer_list<argument> words);
  command(const std::vector<argument>& words);
  command(const std::vector<std::string>& words);
  [[nodiscard]] const std::vector<text>& words() const noexcept { return words_; }

private:
  std::vector<text> words_;
};

/// `sh -c SCRIPT`, what follows being `$1`, `$2`, ...: handles belong there, where no shell reads their values.
[[nodiscard]] MUSTER_API command shell(const std::string& script, std::initializer_list<argument> arguments = {});

/// Numbers from `from` to `to`, `to` included.
struct range {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t step = 1;
};

/// All combinations of values, the last name turning fastest; each item is a dict.
class MUSTER_API axes {
public:
  axes(std::initializer_list<std::pair<std::string, value>> lists) : lists_(lists) {}
  /// Leaves out the combinations that have all of these entries.
  axes& exclude(dict entries);
  /// Adds an item at the end.
  axes& include(dict entries);
  [[nodiscard]] value as_value() const;

private:
  dict lists_;
  list exclude_;
  list include_;
};

/// What a `map` runs over: values (handles among them stand for their results), numbers, combinations, the list that
/// a step results in, or the elements of another `map`: element i then waits for element i only, and its item is that
/// element's result.
class MUSTER_API items {
public:
  items(std::initializer_list<value> values) : spec_(list(values)) {}
  template <class T>
  items(const std::vector<T>& values) : spec_(values) {}
  items(const range& x);
  items(const axes& x) : spec_(x.as_value()) {}
  items(const step& x);       ///< Of a `map`: its elements. Of another step: the list that is its result.
  items(const reference& x);  ///< A list: of a result or a parameter.
  items(const expression& x); ///< That gives a list.
  [[nodiscard]] const value& spec() const noexcept { return spec_; }

private:
  value spec_;
};

/// When a step lets another begin.
enum class on : std::uint8_t {
  success = 1,            ///< The other one is COMPLETED. If it is SKIPPED, so is this step.
  success_or_skipped = 2, ///< COMPLETED or SKIPPED.
  failure = 3,            ///< It failed. If it did not, this step is SKIPPED.
  always = 4,             ///< It has ended in any way.
};

/// How the results of a `map` become one.
enum class reduction : std::uint8_t { collect = 0, sum = 1, min = 2, max = 3, mean = 4 };

/// What an exit code does.
enum class exit_action : std::uint8_t { complete = 1, fail = 2, reschedule = 3 };

/// One element of a `map`.
class MUSTER_API element {
public:
  element(const step& of, std::size_t at);
  [[nodiscard]] reference result(const std::string& path = {}) const;
  [[nodiscard]] std::string output() const; ///< Its folder.
  [[nodiscard]] std::string path() const;   ///< `work.3`
  [[nodiscard]] value as_value() const { return result().as_value(); }

private:
  std::shared_ptr<step_node> node_;
  std::shared_ptr<const void> whole_;
  std::size_t at_;
};

/// Fills a nested workflow.
using fill = std::function<void(scope&)>;
/// Nested workflows by name, in order.
using named_scopes = std::vector<std::pair<std::string, fill>>;

/// A task, a group, a map, a nested workflow; returned by a `scope` that it was added to. Setters return the step
/// itself, and may be called at any time before submission. As an argument, item or value it stands for its result.
class MUSTER_API step {
public:
  // -- what a task or a member of a group runs

  step& image(const std::string& name);  ///< The container image; that of the workflow if unset.
  step& cpu(std::uint32_t count);        ///< CPUs; 1 if unset.
  step& gpu(std::uint32_t count);        ///< GPUs; none if unset.
  step& memory(const std::string& size); ///< Such as `4Gi`; 1Gi if unset.
  step& storage(const std::string& size);
  step& env(const std::string& name, const text& x);                ///< A variable of its environment.
  step& file(const std::string& path, const std::string& contents); ///< Written before it starts.
  step& input(const step& from,
              const std::string& regex = {}); ///< The output folder of another step, at `from.output()`.
  step& input(const std::string& url, const std::string& regex = {});
  step& output(const std::string& url, const std::string& regex = {});
  step& on_exit(const std::string& codes, exit_action then); ///< `on_exit("3,75-80", exit_action::reschedule)`
  step& lead(bool is = true);                                ///< Of a group: its outcome is this member's.
  /// Any key of the spec that has no setter here, such as `volumeMounts`.
  step& set(const std::string& key, value x);

  // -- a group

  /// Adds a task to a group.
  step member(const std::string& name, const command& what);
  step& barrier(bool is); ///< Whether nobody starts before everybody is ready; true if unset.

  // -- order and routes

  step& after(const step& other, on when = on::success);
  step& after(const std::vector<step>& others, on when = on::success);
  step& when(const expression& condition); ///< SKIPPED if it does not hold.
  step& on_failure(const command& what);   ///< A task that runs when this step failed, and can make it good.
  step& on_failure(const fill& steps);     ///< A workflow, likewise.
  step& repeat(std::uint32_t max, const expression& until = {}, dict carried = {});

  // -- attempts

  step& timeout(std::chrono::milliseconds limit); ///< From RUNNING.
  /// New attempts after failures: any, or those with these exit codes (`"2-5"`) or statuses (`"FAILED_EVICTED"`).
  step& retry(std::uint32_t max, std::chrono::milliseconds backoff = {}, const std::vector<std::string>& reasons = {});
  step& cache(const std::string& key = {}); ///< Not run again where all that it depends on is the same.

  // -- a map

  step& foreach(const items& over); ///< Makes a map of any step.
  step& max_parallel(std::uint32_t count);
  step& fail_fast(bool is = true);         ///< The first failure cancels the rest.
  step& max_failures(std::uint32_t count); ///< So many are borne.
  step& allow_partial(bool is = true);     ///< COMPLETED if any element is.
  step& reduce(reduction how, const std::string& path = {});
  step& best(const std::string& by, bool smallest = false); ///< Reduces to the best result; of equals the first.

  // -- as a handle

  [[nodiscard]] reference
  result(const std::string& path = {}) const; ///< Of a map: the results in the order of its items.
  [[nodiscard]] std::string output() const;   ///< The folder with its output; of a map, `<index>/` below it.
  [[nodiscard]] std::string host() const;     ///< The address of a member, for the others of its group.
  [[nodiscard]] element operator[](std::size_t at) const { return {*this, at}; }
  [[nodiscard]] value as_value() const { return result().as_value(); }
  [[nodiscard]] const std::string& name() const noexcept;
  /// Its full name, `outer.train`, as long as it is not within an element of a map.
  [[nodiscard]] std::string path() const;

private:
  friend class scope;
  friend class element;
  friend class items;
  step(std::shared_ptr<step_node> node, std::shared_ptr<const void> whole) noexcept
      : node_(std::move(node)), whole_(std::move(whole)) {}
  step& put(const char* key, value x);
  std::shared_ptr<step_node> node_;
  std::shared_ptr<const void> whole_; ///< The workflow, which lives as long as any handle of it.
};

/// A workflow at any depth.
class MUSTER_API scope {
public:
  /// A value that tasks see as `MUSTER_PARAMETER_<name>`. That of the whole workflow may be given anew at submission.
  reference parameter(const std::string& name, value preset);
  step task(const std::string& name, const command& what);
  /// A task for each item.
  step map(const std::string& name, const items& over, const command& what);
  /// A nested workflow for each item.
  step map(const std::string& name, const items& over, const fill& steps);
  /// Tasks that are placed together and know each other's addresses: `step::member`.
  step group(const std::string& name);
  /// A nested workflow.
  step nested(const std::string& name, const fill& steps);
  /// Nested workflows that run side by side.
  step branches(const std::string& name, const named_scopes& all);
  /// The one of them whose name is the text of `value`.
  step switch_on(const std::string& name, const expression& value, const named_scopes& cases,
                 const fill& otherwise = {});
  /// What the workflow results in. If unset: its steps' results that are dicts, merged; the others by their steps'
  /// names.
  scope& result(const expression& x);

protected:
  friend class step;
  scope(std::shared_ptr<scope_node> node, std::shared_ptr<const void> whole) noexcept
      : node_(std::move(node)), whole_(std::move(whole)) {}
  std::shared_ptr<scope_node> node_;
  std::shared_ptr<const void> whole_;
};

/// A workflow.
class MUSTER_API workflow : public scope {
public:
  explicit workflow(const std::string& name);

  workflow& image(const std::string& name); ///< Of tasks that name none. If unset: `none`, which is for processes.
  workflow& label(const std::string& name, const std::string& x);
  /// How long each group may run, and wait for a place; 0 for no limit.
  workflow& timeout(std::chrono::milliseconds run, std::chrono::milliseconds queue = {});

  /// Everything that is wrong with it, a line each: `invalid_spec`.
  [[nodiscard]] api::result<void> check() const;
  /// The spec that it stands for, which `muster run` takes as well.
  [[nodiscard]] std::string to_yaml() const;

private:
  friend class head;
  friend class local_runtime;
};

MUSTER_API_END
