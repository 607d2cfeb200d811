#include "muster/store/layout.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

namespace muster::store {

namespace fs = std::filesystem;

namespace {

std::string reason_of(int error_number) {
  return std::generic_category().message(error_number);
}

/// A folder or file has a name of at most 255 bytes, and we append to it: `.12.log`, `.output`.
constexpr std::size_t longest_component = 200;

/// FNV-1a, the same for ever.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

/// A name as one component of a path, whatever is in it. Those of tasks deep in nested workflows may be too long: they
/// end in a number that tells them apart.
std::string component(std::string_view name) {
  static constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    // A leading dot would allow `.` and `..`.
    if (byte < 0x20 || byte == 0x7f || name[i] == '/' || name[i] == '%' || (i == 0 && name[i] == '.')) {
      out += '%';
      out += hex[byte >> 4U];
      out += hex[byte & 15U];
    } else {
      out += name[i];
    }
  }
  if (out.size() > longest_component) {
    out.resize(longest_component - 18);
    out += "%x"; // No escape looks like this.
    for (auto shift = 64U; shift > 0;)
      out += hex[hash_of(name) >> (shift -= 4U) & 15U];
  }
  return out.empty() ? "%" : out;
}

// Paths as texts until they are whole: a path takes itself to pieces at each step, and every attempt needs some.

std::string workflow_text(const fs::path& root, std::string_view id) {
  auto text = root.native();
  if (!text.empty() && text.back() != '/')
    text += '/';
  return text.append("workflows/").append(component(id));
}

std::string task_text(const fs::path& root, std::string_view id, std::string_view task) {
  return workflow_text(root, id).append("/tasks/").append(component(task));
}

std::string attempt_text(const fs::path& root, std::string_view id, std::string_view task, std::uint32_t number) {
  return task_text(root, id, task).append(".").append(std::to_string(number));
}

/// SQLite opens no file whose path, with what it appends for a journal, has more than 512 bytes (MAX_PATHNAME of its
/// Unix VFS). The longest name that we give to one is that of a store which is being restored.
constexpr std::size_t longest_root = 512 - std::string_view{"/muster.db.part-journal"}.size();

result<void> check_length(const fs::path& root) {
  std::error_code problem;
  const auto resolved = fs::weakly_canonical(root, problem); // As SQLite does.
  const auto length = (problem ? root : resolved).native().size();
  if (length <= longest_root)
    return {};
  return {ec::invalid_argument, "the path of the state directory is too long: " + std::to_string(length) +
                                    " bytes, and at most " + std::to_string(longest_root) +
                                    " leave room for the names of the store's files; choose another directory "
                                    "(--state-dir, MUSTER_STATE_DIR): " +
                                    root.string()};
}

/// Makes `folder` unless it is there; an error begins with its name.
result<void> make(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0)
    return {};
  const int problem = errno;
  struct stat found {};
  const bool there = ::stat(folder.c_str(), &found) == 0;
  if (there && S_ISDIR(found.st_mode))
    return {};
  return {ec::io_error, folder.string() + ": " + reason_of(there ? ENOTDIR : problem)};
}

} // namespace

state_directory::state_directory(fs::path root) : root_(std::move(root)) {}

result<state_directory> state_directory::resolve(const environment& get) {
  const auto value = [&get](const char* name) -> std::string_view {
    const char* text = get(name);
    return text == nullptr ? std::string_view{} : std::string_view{text};
  };
  fs::path root;
  if (const auto own = value("MUSTER_STATE_DIR"); !own.empty())
    root = own;
  else if (const auto xdg = value("XDG_STATE_HOME"); !xdg.empty() && xdg.front() == '/')
    root = fs::path{xdg} / "muster";
  else if (const auto home = value("HOME"); !home.empty())
    root = fs::path{home} / ".local" / "state" / "muster";
  else
    return {ec::invalid_argument, "no state directory is known, as HOME is not set; name one with MUSTER_STATE_DIR"};
  std::error_code problem;
  const auto absolute = fs::absolute(root, problem);
  if (problem)
    return {ec::io_error, "the state directory " + root.string() + " cannot be resolved: " + problem.message()};
  return state_directory{absolute.lexically_normal()};
}

result<void> state_directory::create() const {
  if (auto done = check_length(root_); !done)
    return done;
  fs::path so_far;
  for (const auto& part : root_) {
    so_far /= part;
    if (part.empty() || part == "/")
      continue;
    if (const auto done = make(so_far); !done)
      return {ec::io_error, "the state directory " + root_.string() + " cannot be made: " + done.failure().message +
                                "; choose another one (--state-dir, MUSTER_STATE_DIR)"};
  }
  if (::access(root_.c_str(), W_OK | X_OK) != 0)
    return {ec::io_error, "the state directory " + root_.string() + " cannot be written to: " + reason_of(errno) +
                              "; choose another one (--state-dir, MUSTER_STATE_DIR)"};
  return {};
}

bool state_directory::has_store() const {
  std::error_code problem;
  return fs::exists(database(), problem);
}

fs::path state_directory::workflow(std::string_view id) const {
  return workflow_text(root_, id);
}
fs::path state_directory::task(std::string_view id, std::string_view task_name) const {
  return task_text(root_, id, task_name);
}
fs::path state_directory::attempt(std::string_view id, std::string_view task_name, std::uint32_t number) const {
  return attempt_text(root_, id, task_name, number);
}
fs::path state_directory::log(std::string_view id, std::string_view task_name, std::uint32_t number) const {
  return attempt_text(root_, id, task_name, number) + ".log";
}
fs::path state_directory::output(std::string_view id, std::string_view task_name, std::uint32_t number) const {
  return attempt_text(root_, id, task_name, number) + "/output";
}
fs::path state_directory::output_link(std::string_view id, std::string_view task_name) const {
  return task_text(root_, id, task_name) + ".output";
}

// -- the lock

std::optional<std::string> state_directory::id_of(const fs::path& folder) const {
  const auto name = folder.filename().string();
  std::string id;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned value = 0;
    if (name[i] != '%') {
      id += name[i];
      continue;
    }
    const auto* first = name.data() + i + 1;
    if (i + 2 >= name.size() || std::from_chars(first, first + 2, value, 16).ptr != first + 2)
      return std::nullopt;
    id += static_cast<char>(value);
    i += 2;
  }
  // Whatever is named otherwise is not ours.
  if (id.empty() || workflow(id).filename() != folder.filename())
    return std::nullopt;
  return id;
}

result<void> state_directory::discard(std::string_view id) const {
  const auto from = workflow(id);
  if (auto made = make(trash()); !made) {
    std::error_code problem; // There may be no room for it: then it goes where it is, which takes its time.
    fs::remove_all(from, problem);
    return problem ? made : result<void>{};
  }
  const auto to = (trash() / from.filename()).string();
  // Something may have been written there once more since an earlier move.
  constexpr int most_moves = 100;
  for (int i = 0; i < most_moves; ++i) {
    if (::rename(from.c_str(), (to + (i == 0 ? "" : '~' + std::to_string(i))).c_str()) == 0 || errno == ENOENT)
      return {};
    if (errno != ENOTEMPTY && errno != EEXIST)
      break;
  }
  return {ec::io_error, "folder " + from.string() + " cannot be moved to the trash: " + reason_of(errno)};
}

namespace {

/// What the holder of the lock wrote into it.
std::string holder(int descriptor) {
  std::array<char, 32> text{};
  const auto size = ::pread(descriptor, text.data(), text.size(), 0);
  std::string pid;
  for (ssize_t i = 0; i < size && text[static_cast<std::size_t>(i)] >= '0' && text[static_cast<std::size_t>(i)] <= '9';
       ++i)
    pid += text[static_cast<std::size_t>(i)];
  return pid.empty() ? "another process" : "process " + pid;
}

} // namespace

result<writer_lock> writer_lock::take(const state_directory& directory) {
  if (auto done = directory.create(); !done)
    return done.failure();
  const auto path = directory.lock();
  writer_lock lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (lock.descriptor_ < 0)
    return {ec::io_error, "the writer's lock " + path.string() + " cannot be opened: " + reason_of(errno)};
  int outcome = 0;
  do
    outcome = ::flock(lock.descriptor_, LOCK_EX | LOCK_NB);
  while (outcome != 0 && errno == EINTR);
  if (outcome != 0 && errno == EWOULDBLOCK)
    return {ec::store_locked, "the state directory " + directory.root().string() + " is in use by " +
                                  holder(lock.descriptor_) +
                                  "; wait for it to end, or choose another directory (--state-dir, MUSTER_STATE_DIR)"};
  if (outcome != 0)
    return {ec::io_error, "the writer's lock " + path.string() + " cannot be taken: " + reason_of(errno)};
  const auto pid = std::to_string(::getpid()) + '\n';
  // Only told to people: a full disk must not keep the writer from opening.
  if (::ftruncate(lock.descriptor_, 0) == 0)
    (void)!::pwrite(lock.descriptor_, pid.data(), pid.size(), 0);
  return lock;
}

writer_lock::writer_lock(writer_lock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

writer_lock& writer_lock::operator=(writer_lock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

writer_lock::~writer_lock() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

} // namespace muster::store
