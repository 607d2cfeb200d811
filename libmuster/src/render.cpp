#include "render.hpp"

#include <algorithm>
#include <set>

namespace muster::api {

namespace {

/// What a spec says for an image that processes do not need.
constexpr const char* no_image = "none";

class renderer {
public:
  explicit renderer(bool for_containers) : for_containers_(for_containers) {}

  rendered_workflow run(const scope_node& root) {
    const auto& header = *root.header;
    default_image_ = header.image.empty() ? no_image : header.image;
    auto body = scope_entries(root);
    dict workflow{{"name", header.name}};
    if (!header.labels.empty())
      workflow.emplace_back("labels", header.labels);
    if (const auto limits = timeouts(header); !limits.empty())
      workflow.emplace_back("timeout", limits);
    if (!resources_.empty()) {
      dict all{{"default", dict{}}};
      all.insert(all.end(), resources_.begin(), resources_.end());
      workflow.emplace_back("resources", std::move(all));
    }
    workflow.insert(workflow.end(), body.begin(), body.end());
    out_.spec = dict{{"workflow", std::move(workflow)}};
    return std::move(out_);
  }

private:
  static dict timeouts(const workflow_header& x) {
    dict out;
    const auto add = [&](const char* key, std::chrono::milliseconds limit) {
      if (limit.count() != 0)
        out.emplace_back(key, std::to_string(limit.count()) + "ms");
    };
    add("exec_timeout", x.run_limit);
    add("queue_timeout", x.queue_limit);
    return out;
  }

  dict scope_entries(const scope_node& x) {
    dict out;
    if (!x.parameters.empty()) {
      dict parameters;
      // In this form a dict with the keys `type` or `default` is a value as well.
      for (const auto& [name, preset] : x.parameters)
        parameters.emplace_back(name, dict{{"default", preset}});
      out.emplace_back("parameters", std::move(parameters));
    }
    list steps;
    for (const auto& step : x.steps)
      steps.emplace_back(step_entries(*step));
    out.emplace_back("steps", std::move(steps));
    if (!x.result.empty())
      out.emplace_back("result", x.result);
    return out;
  }

  dict step_entries(const step_node& x) {
    dict out;
    if (!x.name.empty())
      out.emplace_back("name", x.name);
    switch (x.kind) {
      case step_kind::task:
      case step_kind::member: add_task(x, out); break;
      case step_kind::group: {
        list members;
        for (const auto& member : x.members)
          members.emplace_back(step_entries(*member));
        out.emplace_back("tasks", std::move(members));
        break;
      }
      case step_kind::nested: out.emplace_back("workflow", scope_entries(*x.scopes.front())); break;
      case step_kind::branches: out.emplace_back("branches", scopes_by_label(x)); break;
      case step_kind::choice: {
        dict choice{{"value", x.switch_value}, {"cases", scopes_by_label(x)}};
        if (x.otherwise)
          choice.emplace_back("default", scope_entries(*x.otherwise));
        out.emplace_back("switch", std::move(choice));
        break;
      }
    }
    if (!x.after.empty())
      out.emplace_back("after", x.after);
    out.insert(out.end(), x.keys.begin(), x.keys.end());
    if (x.failure_task)
      out.emplace_back("on_failure", step_entries(*x.failure_task));
    if (x.failure_scope)
      out.emplace_back("on_failure", scope_entries(*x.failure_scope));
    refuse_task_keys(x);
    for (const auto& what : x.problems)
      problem(x, what);
    return out;
  }

  dict scopes_by_label(const step_node& x) {
    dict out;
    for (const auto& inner : x.scopes)
      out.emplace_back(inner->label, scope_entries(*inner));
    return out;
  }

  void add_task(const step_node& x, dict& out) {
    if (for_containers_ && x.image.empty() && default_image_ == no_image)
      problem(x, "it names no image, and the pool runs containers; name one here or for the whole workflow");
    out.emplace_back("image", x.image.empty() ? default_image_ : x.image);
    list words;
    for (const auto& word : x.words) {
      check_text(x, "its command", word);
      words.emplace_back(word.str());
    }
    out.emplace_back("command", std::move(words));
    if (!x.environment.empty()) {
      dict variables;
      for (const auto& [name, content] : x.environment) {
        check_text(x, "variable " + name, content);
        variables.emplace_back(name, content.str());
      }
      out.emplace_back("environment", std::move(variables));
    }
    if (!x.files.empty())
      out.emplace_back("files", x.files);
    if (auto inputs = all_inputs(x); !inputs.empty())
      out.emplace_back("inputs", std::move(inputs));
    if (!x.outputs.empty())
      out.emplace_back("outputs", x.outputs);
    if (!x.exit_actions.empty())
      out.emplace_back("exitActions", exit_actions(x));
    if (auto resource = resource_of(x); !resource.empty())
      out.emplace_back("resource", std::move(resource));
  }

  void check_text(const step_node& x, const std::string& where, const text& content) {
    if (content.has_lost_type())
      problem(x, where +
                     " holds a list or dict of results as one text, where a result that is a text would not be quoted; "
                     "give each an argument of its own, or read the files below $MUSTER_RESULTS");
  }

  void problem(const step_node& x, const std::string& what) {
    out_.problems.push_back("step '" + path_of(x) + "': " + what);
  }

  /// What a step has that only tasks and members may have.
  void refuse_task_keys(const step_node& x) {
    if (x.kind == step_kind::task || x.kind == step_kind::member)
      return;
    const bool any = !x.image.empty() || !x.environment.empty() || !x.files.empty() || !x.inputs.empty() ||
                     !x.outputs.empty() || !x.exit_actions.empty() || x.needs.cpu != 0 || x.needs.gpu != 0 ||
                     !x.needs.memory.empty() || !x.needs.storage.empty();
    if (any)
      problem(x, "images, resources, variables, files, inputs, outputs and exit actions are of the tasks in it");
    if (x.kind != step_kind::group && !x.members.empty())
      problem(x, "only a group has members");
  }

  /// Those that were given, and the steps whose folders are named by `{{input:step}}` in any text.
  static list all_inputs(const step_node& x) {
    auto out = x.inputs;
    std::set<std::string> known;
    for (const auto& input : out)
      known.insert(input["task"].as_text());
    const auto look_in = [&](const std::string& text) {
      constexpr std::string_view start = "{{input:";
      for (auto at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
        const auto end = text.find("}}", at);
        if (end == std::string::npos)
          return;
        const auto name = text.substr(at + start.size(), end - at - start.size());
        const bool number = name.find_first_not_of("0123456789") == std::string::npos;
        if (!number && known.insert(name).second)
          out.emplace_back(dict{{"task", name}});
      }
    };
    for (const auto& word : x.words)
      look_in(word.str());
    for (const auto& variable : x.environment)
      look_in(variable.second.str());
    for (const auto& file : x.files)
      look_in(file["contents"].as_text());
    return out;
  }

  static dict exit_actions(const step_node& x) {
    dict out;
    for (const auto& [codes, action] : x.exit_actions) {
      const auto* word = action == exit_action::complete ? "COMPLETE"
                         : action == exit_action::fail   ? "FAIL"
                                                         : "RESCHEDULE";
      const auto found = std::find_if(out.begin(), out.end(), [&](const auto& entry) { return entry.first == word; });
      if (found == out.end())
        out.emplace_back(word, codes);
      else
        found->second = found->second.as_text() + "," + codes;
    }
    return out;
  }

  /// The name of the entry of `resources` with what `x` needs; empty for the default.
  std::string resource_of(const step_node& x) {
    dict entry;
    if (x.needs.cpu != 0)
      entry.emplace_back("cpu", x.needs.cpu);
    if (x.needs.gpu != 0)
      entry.emplace_back("gpu", x.needs.gpu);
    if (!x.needs.memory.empty())
      entry.emplace_back("memory", x.needs.memory);
    if (!x.needs.storage.empty())
      entry.emplace_back("storage", x.needs.storage);
    if (entry.empty())
      return {};
    const value wanted(entry);
    const auto found =
        std::find_if(resources_.begin(), resources_.end(), [&](const auto& known) { return known.second == wanted; });
    if (found != resources_.end())
      return found->first;
    return resources_.emplace_back("resources-" + std::to_string(resources_.size() + 1), wanted).first;
  }

  bool for_containers_;
  std::string default_image_;
  dict resources_;
  rendered_workflow out_;
};

} // namespace

rendered_workflow render(const scope_node& root, bool for_containers) {
  return renderer(for_containers).run(root);
}

} // namespace muster::api
