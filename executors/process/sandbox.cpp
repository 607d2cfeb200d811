#include "executors/process/sandbox.hpp"

#include "executors/data/base64.hpp"
#include "executors/process/environment.hpp"
#include "executors/process/posix.hpp"
#include "executors/process/sandbox_plan.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace muster::process {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view container_output = "/osmo/data/output/";

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
  auto decoded = data::decode_base64(from.contents);
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

/// Bubblewrap answers 1 for a command that is not there: look before.
void check_program(wire::start_request& request, const std::vector<injected>& files) {
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

result<void> inject_files(wire::start_request& request, const attempt_spec& spec, const spec::token_values& tokens,
                          bubblewrap& sandbox) {
  std::vector<injected> elsewhere;
  for (const auto& each : spec.task.files) {
    auto x = read_file(each, tokens);
    if (!x)
      return x.failure();
    if (const auto own = own_place(x->path, spec.folder)) {
      if (auto written = write_own(*x, *own, spec.folder); !written)
        return written;
    } else {
      elsewhere.push_back(*std::move(x));
    }
  }
  if (elsewhere.empty())
    return {};
  auto program = sandbox.program();
  if (!program)
    return program.failure();
  const auto scratch = spec.folder / "root";
  std::vector<std::string> targets;
  targets.reserve(elsewhere.size());
  for (const auto& x : elsewhere)
    targets.push_back(x.path);
  std::vector<std::pair<std::string, std::string>> extra;
  const real_host_files host;
  if (host.kind_of("/osmo") == host_kind::absent) {
    extra.emplace_back(request.folder + "/output", "/osmo/data/output");
    if (!spec.inputs.empty())
      extra.emplace_back(request.folder + "/input", "/osmo/data/input");
  }
  auto plan = plan_sandbox(targets, scratch, host, extra);
  if (!plan)
    return plan.failure();
  if (auto made = make(*plan, elsewhere, scratch); !made)
    return made;
  check_program(request, elsewhere);

  // The session of its own is what signals are sent to: bubblewrap itself must outlive its child to tell how it ended.
  plan->arguments.insert(plan->arguments.end(), {"--new-session", "--chdir", request.folder + "/work"});
  std::string options;
  for (const auto& x : plan->arguments)
    options.append(x).push_back('\0');
  request.argument_file = request.folder + "/sandbox";
  if (auto written = write_file(request.argument_file, options, 0600); !written)
    return written;
  wire::string_list words;
  for (const auto* x : {"bwrap", "--args", "3", "--"})
    words.add(x);
  words.add(request.program);
  // The command's own first word is replaced by the program that was found for it.
  const auto rest = request.arguments.bytes.find('\0') + 1;
  words.bytes.append(request.arguments.bytes, rest, std::string::npos);
  words.count += request.arguments.count - 1;
  request.arguments = std::move(words);
  request.program = *std::move(program);
  request.sandboxed = true;
  return {};
}

} // namespace muster::process
