#include "executors/process/sandbox.hpp"

#include "executors/process/environment.hpp"
#include "executors/process/sandbox_plan.hpp"
#include "muster/base/base64.hpp"
#include "muster/base/posix.hpp"

#include <algorithm>
#include <cerrno>
#include <set>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::process {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view container_output = "/osmo/data/output/";

/// More go through a file: a command line should stay one that people can read.
constexpr std::size_t most_options_as_words = 24;

/// Runs a program and gives back what it wrote to stderr; nothing if it ended with 0.
std::optional<std::string> complaint_of(const std::vector<std::string>& words) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return "no pipe could be made";
  const unique_fd reading{ends[0]};
  unique_fd writing{ends[1]};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return os_error("it cannot be run", failed).message;
  writing.reset();
  std::string said;
  char part[512];
  ssize_t n = 0;
  while ((n = ::read(reading.get(), part, sizeof part)) > 0 || (n < 0 && errno == EINTR))
    said.append(part, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return std::nullopt;
  while (!said.empty() && said.back() == '\n')
    said.pop_back();
  return said.empty() ? "it fails without a word" : said;
}

result<void> write_file(const fs::path& path, const std::string& content, mode_t mode) {
  ::unlink(path.c_str());
  const unique_fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)};
  if (!file || !write_all(file.get(), content) || ::fchmod(file.get(), mode) != 0)
    return error{ec::data_error, "cannot write " + path.string() + ": " + std::generic_category().message(errno)};
  return {};
}

struct injected {
  std::string path; ///< As the task sees it.
  std::string content;
  [[nodiscard]] bool is_script() const { return content.compare(0, 2, "#!") == 0; }
  [[nodiscard]] mode_t mode() const { return is_script() ? 0755 : 0644; }
};

result<injected> read_file(const spec::file& from, const spec::token_values& tokens) {
  injected out;
  out.path = spec::substitute(from.path, tokens);
  if (out.path.empty() || out.path.back() == '/' || out.path.find('\0') != std::string::npos)
    return error{ec::data_error, "a file cannot be put at '" + out.path + "': expected the path of a file"};
  if (!from.base64) {
    out.content = spec::substitute(from.contents, tokens);
    return out;
  }
  auto decoded = decode_base64(from.contents);
  if (!decoded)
    return error{ec::data_error, "the contents of the file '" + out.path + "': " + decoded.failure().message};
  out.content = *std::move(decoded);
  return out;
}

/// Where a file lies on the host, if it is in one of the attempt's own folders.
std::optional<fs::path> own_place(const std::string& path, const fs::path& folder) {
  const fs::path given{path};
  if (given.is_relative())
    return folder / "work" / given;
  if (path.compare(0, container_output.size(), container_output) == 0)
    return folder / "output" / path.substr(container_output.size());
  for (const auto* name : {"output", "work"}) {
    const auto own = (folder / name).string() + '/';
    if (path.compare(0, own.size(), own) == 0)
      return given;
  }
  return std::nullopt;
}

result<void> write_own(const injected& x, const fs::path& place, const fs::path& folder) {
  for (const auto& part : fs::path{x.path})
    if (part == "..")
      return error{ec::data_error, "a file cannot be put at '" + x.path + "': expected a path without '..'"};
  std::error_code failed;
  fs::create_directories(place.parent_path(), failed);
  // A link in the way, made by an earlier file or by nobody, must not lead out.
  const auto real = fs::weakly_canonical(place.parent_path(), failed).lexically_relative(fs::weakly_canonical(folder));
  if (failed || real.empty() || *real.begin() == "..")
    return error{ec::data_error, "a file cannot be put at '" + x.path + "': its folder cannot be made"};
  return write_file(place, x.content, x.mode());
}

result<void> make(const sandbox_plan& plan, const std::vector<injected>& files, const fs::path& scratch) {
  std::error_code failed;
  fs::remove_all(scratch, failed); // Of a preparation that a crash cut short.
  fs::create_directories(scratch, failed);
  if (failed)
    return error{ec::data_error, "cannot make the folder " + scratch.string() + ": " + failed.message()};
  for (const auto& folder : plan.folders) {
    if (::mkdir(folder.c_str(), 0755) != 0)
      return error{ec::data_error, os_error("cannot make the folder " + folder.string(), errno).message};
    struct stat facts {};
    if (::stat((fs::path{"/"} / folder.lexically_relative(scratch)).c_str(), &facts) == 0)
      ::chmod(folder.c_str(), facts.st_mode & 07777U);
  }
  for (const auto& [link, target] : plan.links) {
    fs::create_symlink(target, link, failed);
    if (failed)
      return error{ec::data_error, "cannot make the link " + link.string() + ": " + failed.message()};
  }
  for (std::size_t n = 0; n < files.size(); ++n)
    if (auto written = write_file(plan.files[n], files[n].content, files[n].mode()); !written)
      return written;
  return {};
}

/// What the task must find, wherever it lies: pairs (path without links, a path that leads there).
std::vector<std::pair<fs::path, fs::path>> needed_places(const attempt_spec& spec, const host_files& host) {
  std::vector<fs::path> needed{spec.folder.parent_path()};
  for (const auto& input : spec.inputs) {
    if (input.parts.empty())
      needed.push_back(input.source);
    for (const auto& part : input.parts)
      needed.push_back(part.second);
  }
  std::vector<std::pair<fs::path, fs::path>> out;
  std::set<fs::path> seen;
  for (const auto& path : needed)
    if (const auto real = host.resolve(path))
      for (const auto& shown : {*real, path.lexically_normal()})
        if (seen.insert(shown).second)
          out.emplace_back(*real, shown);
  return out;
}

/// The /tmp of a member of a gang, if this host has one to replace.
std::optional<private_folder> own_tmp(const attempt_spec& spec, const environment_map& environment,
                                      const std::vector<std::pair<fs::path, fs::path>>& needed,
                                      const host_files& host) {
  const auto tmp = host.resolve("/tmp");
  if (spec.peers.size() < 2 || !tmp || *tmp == "/" || host.kind_of(*tmp) != host_kind::folder)
    return std::nullopt;
  private_folder out;
  out.path = *tmp;
  // The state directory, or what an input stands for, may lie there too.
  for (const auto& [real, shown] : needed) {
    if (shown == *tmp) // The input is all of /tmp.
      return std::nullopt;
    if (is_below(shown, *tmp))
      out.kept.emplace_back(real, shown);
  }
  if (const auto at = environment.find("TMPDIR"); at != environment.end())
    if (const auto real = host.resolve(at->second); real && *real != *tmp && is_below(*real, *tmp))
      out.made.push_back(*real);
  return out;
}

/// The path is one of the host's that the task does not see.
bool is_hidden(const std::string& path, const std::optional<private_folder>& own) {
  std::error_code failed;
  const auto real = fs::weakly_canonical(path, failed);
  if (!own || failed || !is_below(real, own->path))
    return false;
  return std::none_of(own->kept.begin(), own->kept.end(), [&](const auto& x) { return is_below(real, x.second); });
}

/// Bubblewrap answers 1 for a command that is not there: look before.
void check_program(wire::start_request& request, const std::vector<injected>& files,
                   const std::optional<private_folder>& own) {
  if (request.refuse_code != 0)
    return;
  const auto refuse = [&](std::int32_t code, const char* why) {
    request.refuse_code = code;
    request.refuse_text = "cannot run '" + request.program + "': " + why;
  };
  for (const auto& x : files)
    if (x.path == request.program)
      return x.is_script() ? void()
                           : refuse(126, "the injected file does not begin with '#!', so it is not executable");
  const auto path = fs::path{request.folder} / "work" / request.program;
  if (is_hidden(path, own))
    return refuse(127, "each member of a group has a /tmp of its own, and this file is in that of the host");
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0)
    return refuse(127, "no such file");
  if (!S_ISREG(facts.st_mode) || ::access(path.c_str(), X_OK) != 0)
    return refuse(126, "it is not executable");
}

} // namespace

result<std::string> bubblewrap::program() {
  const std::lock_guard lock{mutex_};
  if (found_)
    return *found_;
  auto found = find_command("bwrap", path_);
  if (found.refuse_code != 0) {
    found_.emplace(
        ec::sandbox_unavailable,
        "the task has `files` at absolute paths, for which the process driver needs bubblewrap, and there is "
        "no `bwrap` in PATH; install it (apt install bubblewrap), or put the files below {{output}} or at "
        "relative paths");
    return *found_;
  }
  const auto nothing = find_command("true", path_);
  const auto complaint = complaint_of({found.program, "--dev-bind", "/", "/", "--new-session", "--",
                                       nothing.program.empty() ? "/bin/true" : nothing.program});
  if (complaint)
    found_.emplace(
        ec::sandbox_unavailable,
        "the task has `files` at absolute paths, for which the process driver needs a private mount "
        "namespace, and this host refuses it (" +
            *complaint +
            "); permit user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
            "kernel.apparmor_restrict_unprivileged_userns=0), run as root, or put the files below {{output}} "
            "or at relative paths");
  else
    found_.emplace(found.program);
  return *found_;
}

bool wants_sandbox(const attempt_spec& spec) {
  return !spec.task.files.empty() || spec.peers.size() > 1;
}

namespace {

/// Writes the files that need no sandbox; the others are left.
result<std::vector<injected>> write_own_files(const attempt_spec& spec, const spec::token_values& tokens) {
  std::vector<injected> elsewhere;
  for (const auto& each : spec.task.files) {
    auto x = read_file(each, tokens);
    if (!x)
      return x.failure();
    if (const auto own = own_place(x->path, spec.folder)) {
      if (auto written = write_own(*x, *own, spec.folder); !written)
        return written.failure();
    } else {
      elsewhere.push_back(*std::move(x));
    }
  }
  return elsewhere;
}

/// Makes bubblewrap the program that is started, and the task's what it starts.
result<void> wrap(wire::start_request& request, std::string program, const std::vector<std::string>& options) {
  wire::string_list words;
  words.add("bwrap");
  if (options.size() <= most_options_as_words) {
    for (const auto& x : options)
      words.add(x);
  } else {
    std::string bytes;
    for (const auto& x : options)
      bytes.append(x).push_back('\0');
    request.argument_file = request.folder + "/sandbox";
    if (auto written = write_file(request.argument_file, bytes, 0600); !written)
      return written;
    words.add("--args");
    words.add("3");
  }
  words.add("--");
  request.command_at = words.count;
  words.add(request.program);
  // The command's own first word is replaced by the program that was found for it.
  const auto rest = request.arguments.bytes.find('\0') + 1;
  words.bytes.append(request.arguments.bytes, rest, std::string::npos);
  words.count += request.arguments.count - 1;
  request.arguments = std::move(words);
  request.program = std::move(program);
  request.sandboxed = true;
  return {};
}

} // namespace

result<void> set_up_sandbox(wire::start_request& request, const attempt_spec& spec, const spec::token_values& tokens,
                            const environment_map& environment, bubblewrap& sandbox) {
  const auto elsewhere = write_own_files(spec, tokens);
  if (!elsewhere)
    return elsewhere.failure();
  const real_host_files host;
  const auto needed = needed_places(spec, host);
  sandbox_wishes wishes;
  wishes.own = own_tmp(spec, environment, needed, host);
  const auto& tmp = wishes.own;
  if (elsewhere->empty() && !tmp)
    return {};
  auto program = sandbox.program();
  if (!program)
    return elsewhere->empty() ? result<void>{} : program.failure();
  const auto scratch = spec.folder / "root";
  std::vector<std::string> targets;
  targets.reserve(elsewhere->size());
  for (const auto& x : *elsewhere)
    targets.push_back(x.path);
  for (const auto& place : needed)
    wishes.needed.push_back(place.second);
  auto& extra = wishes.extra;
  if (!targets.empty() && host.kind_of("/osmo") == host_kind::absent) {
    extra.emplace_back(request.folder + "/output", "/osmo/data/output");
    if (!spec.inputs.empty())
      extra.emplace_back(request.folder + "/input", "/osmo/data/input");
  }
  auto plan = plan_sandbox(targets, scratch, host, wishes);
  if (!plan)
    return plan.failure();
  if (auto made = make(*plan, *elsewhere, scratch); !made)
    return made;
  if (tmp && ::chmod((scratch / tmp->path.relative_path()).c_str(), 01777) != 0)
    return os_error("cannot open " + tmp->path.string() + " of the task to all", errno);
  check_program(request, *elsewhere, tmp);

  // The session of its own is what signals are sent to: bubblewrap itself must outlive its child to tell how it ended.
  plan->arguments.insert(plan->arguments.end(), {"--new-session", "--chdir", request.folder + "/work"});
  return wrap(request, *std::move(program), plan->arguments);
}

} // namespace muster::process
