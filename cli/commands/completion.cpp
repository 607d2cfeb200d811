#include "cli/commands/commands.hpp"
#include "cli/commands/listing.hpp"
#include "cli/exit_code.hpp"
#include "cli/remote/answers.hpp"
#include "cli/remote/connection.hpp"
#include "cli/suggest.hpp"
#include "muster/base/text.hpp"
#include "muster/config/file.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

namespace muster::cli {

namespace {

/// An option as a shell completes it.
struct completed_option {
  std::vector<std::string> names; ///< With their dashes.
  std::string text;
  std::vector<std::string> values; ///< What it takes, where that is a short list.
  bool takes_value = false;
  std::string live; ///< See `live_of`.
  bool takes_path = false;
};

/// A command as a shell completes it.
struct completed_command {
  std::string name;
  std::string text;
  std::vector<completed_option> options;
  std::vector<std::string> words;                ///< What its argument may be, where that is a short list.
  std::map<std::string, std::string> inner_live; ///< Of commands below it: their `live`.
  std::string live;                              ///< See `live_of`; of its argument.
  bool takes_file = false;
};

/// The words of `a|b`; nothing if they stand for something else, as in `N|I,J,...`.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, '|');) {
    if (part.empty() || part.front() < 'a' || part.front() > 'z')
      return {};
    parts.push_back(part);
  }
  return parts.size() > 1 ? parts : std::vector<std::string>{};
}

/// What a value is one of, as `__complete` calls it, by how the help names its type; empty where that cannot be listed.
std::string live_of(const std::string& type) {
  static const std::map<std::string, std::string> all{
      {"ID", "ids"},     {"WORKFLOW-ID", "ids"}, {"TASK", "tasks"},      {"CONTEXT", "contexts"},
      {"NODE", "nodes"}, {"POOL", "pools"},      {"TOKEN-ID", "tokens"}, {"WEBHOOK-ID", "webhooks"}};
  const auto found = all.find(type);
  return found == all.end() ? std::string{} : found->second;
}

completed_command describe(const CLI::App& command) {
  completed_command out;
  out.name = command.get_name();
  out.text = command.get_description();
  for (const auto* option : command.get_options()) {
    const auto type = option->get_type_name();
    if (option->nonpositional()) {
      completed_option x;
      for (const auto& name : option->get_lnames())
        x.names.push_back("--" + name);
      for (const auto& name : option->get_snames())
        x.names.push_back("-" + name);
      x.text = option->get_description();
      x.values = split(type);
      x.takes_value = option->get_items_expected_max() > 0;
      x.live = live_of(type);
      x.takes_path = type == "PATH" || type == "FILE" || type == "DIR";
      if (type == "STATUS,...")
        x.values = all_status_names();
      out.options.push_back(std::move(x));
    } else if (const auto live = live_of(type); !live.empty()) {
      out.live = live;
    } else if (type == "FILE") {
      out.takes_file = true;
    } else {
      out.words = split(type);
    }
  }
  // Of commands such as `pool ls`: the second word, and what any of them takes.
  for (const auto* inner : command.get_subcommands([](const CLI::App*) { return true; })) {
    auto x = describe(*inner);
    out.words.push_back(x.name);
    out.inner_live[x.name] = x.live;
    for (auto& option : x.options)
      if (std::none_of(out.options.begin(), out.options.end(),
                       [&](const completed_option& known) { return known.names == option.names; }))
        out.options.push_back(std::move(option));
  }
  return out;
}

/// Commands that scripts of completion call themselves are not shown.
bool is_hidden(const CLI::App& command) {
  return command.get_name().rfind("__", 0) == 0;
}

std::vector<completed_command> describe_all(const CLI::App& app) {
  std::vector<completed_command> out;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!is_hidden(*command))
      out.push_back(describe(*command));
  return out;
}

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  std::string out;
  for (const auto& word : words)
    out += (out.empty() ? "" : between) + word;
  return out;
}

/// Asks for what there is now. The line goes along: it may name a head.
std::string asking(const std::string& what, const std::string& line) {
  return "muster __complete " + what + ' ' + line + " 2>/dev/null";
}

constexpr const char* bash_line = "\"${COMP_WORDS[@]}\"";
constexpr const char* zsh_line = "\"${words[@]}\"";
constexpr const char* fish_line = "(commandline -opc)";

std::string bash_live(const std::string& what) {
  return "COMPREPLY=($(compgen -W \"" + std::string(what == "ids" ? "last " : "") + "$(" + asking(what, bash_line) +
         ")\" -- \"$word\"))";
}

std::string zsh_live(const std::string& what) {
  return "compadd -- " + std::string(what == "ids" ? "last " : "") + "${(f)\"$(" + asking(what, zsh_line) + ")\"}";
}

void print_bash(const std::vector<completed_command>& commands) {
  std::vector<std::string> names;
  names.reserve(commands.size());
  for (const auto& x : commands)
    names.push_back(x.name);
  std::cout << "# bash completion for muster; load it with: source <(muster completion bash)\n"
               "_muster() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]:-}\n"
               "  COMPREPLY=()\n"
               "  if ((COMP_CWORD == 1)); then\n"
               "    COMPREPLY=($(compgen -W "
            << shell_quoted(joined(names) + " --help --version --state-dir")
            << " -- \"$word\"))\n"
               "    return\n"
               "  fi\n"
               "  case $command:$before in\n";
  for (const auto& x : commands)
    for (const auto& option : x.options)
      if (option.takes_value && !option.values.empty()) {
        std::vector<std::string> patterns;
        for (const auto& name : option.names)
          patterns.push_back(x.name + ':' + name);
        std::cout << "    " << joined(patterns, " | ") << ") COMPREPLY=($(compgen -W "
                  << shell_quoted(joined(option.values)) << " -- \"$word\")); return ;;\n";
      } else if (!option.live.empty() || option.takes_path) {
        for (const auto& name : option.names)
          std::cout << "    " << x.name << ':' << name << ") "
                    << (option.takes_path ? "COMPREPLY=($(compgen -f -- \"$word\"))" : bash_live(option.live))
                    << "; return ;;\n";
      }
  for (const auto& x : commands)
    for (const auto& [inner, live] : x.inner_live)
      if (!live.empty())
        std::cout << "    " << x.name << ':' << inner << ") " << bash_live(live) << "; return ;;\n";
  std::cout << "  esac\n"
               "  case $command in\n";
  for (const auto& x : commands) {
    std::vector<std::string> options;
    for (const auto& option : x.options)
      options.insert(options.end(), option.names.begin(), option.names.end());
    std::cout << "    " << x.name << ")\n      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "
              << shell_quoted(joined(options)) << " -- \"$word\"))\n";
    if (!x.live.empty())
      std::cout << "      else " << bash_live(x.live) << '\n';
    else if (x.takes_file)
      std::cout << "      else COMPREPLY=($(compgen -f -- \"$word\"))\n";
    else if (!x.words.empty())
      std::cout << "      else COMPREPLY=($(compgen -W " << shell_quoted(joined(x.words)) << " -- \"$word\"))\n";
    std::cout << "      fi ;;\n";
  }
  std::cout << "  esac\n}\ncomplete -o filenames -F _muster muster\n";
}

void print_zsh(const std::vector<completed_command>& commands) {
  std::cout << "#compdef muster\n"
               "# zsh completion for muster; load it with: source <(muster completion zsh)\n"
               "_muster() {\n"
               "  local -a commands\n"
               "  if ((CURRENT == 2)); then\n"
               "    commands=(\n";
  for (const auto& x : commands)
    std::cout << "      " << shell_quoted(x.name + ':' + x.text) << '\n';
  std::cout << "    )\n"
               "    _describe command commands\n"
               "    return\n"
               "  fi\n"
               "  case $words[2] in\n";
  for (const auto& x : commands) {
    std::cout << "    " << x.name << ")\n      if [[ $words[CURRENT] == -* ]]; then\n        compadd --";
    for (const auto& option : x.options)
      std::cout << ' ' << joined(option.names);
    std::cout << "\n        return\n      fi\n      case $words[CURRENT-1] in\n";
    for (const auto& option : x.options)
      if (option.takes_value && !option.values.empty())
        std::cout << "        " << joined(option.names, "|") << ") compadd -- " << joined(option.values)
                  << "; return ;;\n";
      else if (!option.live.empty() || option.takes_path)
        std::cout << "        " << joined(option.names, "|") << ") "
                  << (option.takes_path ? "_files" : zsh_live(option.live)) << "; return ;;\n";
    for (const auto& [inner, live] : x.inner_live)
      if (!live.empty())
        std::cout << "        " << inner << ") " << zsh_live(live) << "; return ;;\n";
    std::cout << "      esac\n";
    if (!x.live.empty())
      std::cout << "      " << zsh_live(x.live) << " ;;\n";
    else if (x.takes_file)
      std::cout << "      _files ;;\n";
    else if (!x.words.empty())
      std::cout << "      compadd -- " << joined(x.words) << " ;;\n";
    else
      std::cout << "      ;;\n";
  }
  std::cout << "  esac\n}\ncompdef _muster muster\n";
}

std::string values_for_fish(const completed_option& option) {
  if (!option.live.empty())
    return " -x -a '(" + asking(option.live, fish_line) + ")'";
  if (option.takes_path)
    return " -r -F";
  return " -x" + (option.values.empty() ? "" : " -a " + shell_quoted(joined(option.values)));
}

void print_fish(const std::vector<completed_command>& commands) {
  std::cout << "# fish completion for muster; load it with: muster completion fish | source\n"
               "complete -c muster -f\n"
               "complete -c muster -n __fish_use_subcommand -l version -d 'Print the version'\n";
  for (const auto& x : commands)
    std::cout << "complete -c muster -n __fish_use_subcommand -a " << x.name << " -d " << shell_quoted(x.text) << '\n';
  for (const auto& x : commands) {
    const auto head = "complete -c muster -n '__fish_seen_subcommand_from " + x.name + "'";
    if (!x.live.empty())
      std::cout << head << " -a '(" << (x.live == "ids" ? "echo last; " : "") << asking(x.live, fish_line) << ")'\n";
    for (const auto& [inner, live] : x.inner_live)
      if (!live.empty())
        std::cout << "complete -c muster -n '__fish_seen_subcommand_from " << x.name
                  << "; and __fish_seen_subcommand_from " << inner << "' -a '(" << asking(live, fish_line) << ")'\n";
    if (x.takes_file)
      std::cout << head << " -F\n";
    if (!x.words.empty())
      std::cout << head << " -a " << shell_quoted(joined(x.words)) << '\n';
    for (const auto& option : x.options) {
      std::cout << head;
      for (const auto& name : option.names)
        std::cout << (name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1));
      if (option.takes_value)
        std::cout << values_for_fish(option);
      std::cout << " -d " << shell_quoted(option.text) << '\n';
    }
  }
}

int print_completion(const CLI::App& app, const std::string& shell) {
  const auto commands = describe_all(app);
  if (shell == "bash")
    print_bash(commands);
  else if (shell == "zsh")
    print_zsh(commands);
  else
    print_fish(commands);
  return exit_completed;
}

/// What a line says of the head to ask; its words are those that the shell has cut it into.
head_choice head_of(const std::vector<std::string>& line, context& ctx) {
  head_choice out;
  out.quick = true;
  const std::map<std::string, std::string*> known{{"--address", &out.address},
                                                  {"--context", &out.context},
                                                  {"--token-file", &out.token_file},
                                                  {"--state-dir", &ctx.state_dir}};
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto equals = line[i].find('=');
    const auto found = known.find(line[i].substr(0, equals));
    if (found == known.end())
      continue;
    if (equals != std::string::npos)
      *found->second = line[i].substr(equals + 1);
    else if (i + 1 < line.size())
      *found->second = line[i + 1] == "=" && i + 2 < line.size() ? line[i + 2] : line[i + 1]; // Bash cuts at `=`.
  }
  return out;
}

/// Names that a shell offers, one a line; nothing where they cannot be had: a completion has nobody to complain to.
int complete(context& ctx, const std::string& what, const std::vector<std::string>& line) {
  constexpr std::size_t most = 200;
  constexpr std::size_t place_of_id = 2; // Behind `muster` and the command.
  const auto choice = head_of(line, ctx);
  if (what == "contexts") {
    const auto known = config::load_user({}, [](const char* name) { return std::getenv(name); });
    if (known.ok())
      for (const auto& [name, x] : known.value->client.contexts)
        std::cout << name << '\n';
    return exit_completed;
  }
  const bool is_live = what == "nodes" || what == "pools"; // Nothing of them is recorded.
  auto head = is_live ? find_live_api(ctx, choice) : find_reading_api(ctx, choice);
  if (!head)
    return exit_completed;
  const auto print = [&](const std::vector<std::string>& path, const char* member) {
    (void)each_item(**head, client::path_of(path), {}, most,
                    [&](const nlohmann::ordered_json& x) { std::cout << text_of(x, member) << '\n'; });
  };
  static const std::map<std::string, std::pair<const char*, const char*>> lists{{"ids", {"workflows", "id"}},
                                                                                {"nodes", {"nodes", "name"}},
                                                                                {"pools", {"pools", "name"}},
                                                                                {"tokens", {"tokens", "id"}},
                                                                                {"webhooks", {"webhooks", "id"}}};
  if (const auto list = lists.find(what); list != lists.end()) {
    print({list->second.first}, list->second.second);
  } else if (what == "tasks" && line.size() > place_of_id) {
    if (const auto id = workflow_id(**head, line[place_of_id]))
      print({"workflows", *id, "tasks"}, "name");
  }
  return exit_completed;
}

} // namespace

void add_completion(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "Which shell")
      ->type_name("bash|zsh|fish")
      ->required()
      ->check([](const std::string& name) {
        const std::vector<std::string> shells{"bash", "zsh", "fish"};
        return std::find(shells.begin(), shells.end(), name) != shells.end()
                   ? std::string{}
                   : "unknown shell '" + name + "'" + did_you_mean_or_known(name, shells);
      });
  command->footer("Example:\n  source <(muster completion bash)");
  command->callback([&app, &ctx, shell] { ctx.action = [&app, shell] { return print_completion(app, *shell); }; });

  auto* asked = app.add_subcommand("__complete", "For completion scripts");
  asked->group("");
  asked->prefix_command(); // What follows is a line to be completed, whatever is in it.
  auto what = std::make_shared<std::string>();
  asked
      ->add_option("what", *what, "What to list: ids, tasks, contexts, nodes, pools, tokens or webhooks; then the line")
      ->required();
  asked->callback(
      [&ctx, asked, what] { ctx.action = [&ctx, asked, what] { return complete(ctx, *what, asked->remaining()); }; });
}

} // namespace muster::cli
