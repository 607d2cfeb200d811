#include "executors/remote/ledger.hpp"

#include "executors/remote/attempt_text.hpp"
#include "muster/base/posix.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>
#include <tuple>

namespace muster::remote {

namespace {

namespace fs = std::filesystem;

constexpr const char* ending = ".json";
constexpr const char* mark = ".gone";

error failed(const std::string& what, const fs::path& path) {
  return {ec::io_error, "cannot " + what + ' ' + path.string() + ": " + std::generic_category().message(errno)};
}

result<void> sync_folder(const fs::path& folder) {
  const unique_fd opened{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (opened.get() < 0 || ::fsync(opened.get()) != 0)
    return failed("sync", folder);
  return {};
}

result<void> make_folder(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem)
    return error{ec::io_error, "cannot make " + folder.string() + ": " + problem.message()};
  if (::chmod(folder.c_str(), S_IRWXU) != 0) // Environments of tasks are in the files.
    return failed("protect", folder);
  return {};
}

/// Another head whose attempts are here; empty if there is none.
result<std::string> other_head(const fs::path& folder, const std::string& head) {
  std::error_code problem;
  for (fs::directory_iterator at{folder, problem}, end; !problem && at != end; at.increment(problem)) {
    const auto name = at->path().filename().string();
    if (name == head || !at->is_directory(problem))
      continue;
    if (!fs::is_empty(at->path(), problem) && !problem)
      return name;
  }
  if (problem)
    return error{ec::io_error, "cannot read " + folder.string() + ": " + problem.message()};
  return std::string{};
}

std::string text_of(const fs::path& file) {
  std::ifstream from{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{from}, {}};
}

/// So that it is there whole, or what was there before.
result<void> write_durably(const fs::path& file, const fs::path& draft, const std::string& text) {
  {
    const unique_fd to{::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (to.get() < 0)
      return failed("make", draft);
    if (!write_all(to.get(), text) || ::fdatasync(to.get()) != 0)
      return failed("write", draft);
  }
  if (::rename(draft.c_str(), file.c_str()) != 0)
    return failed("make", file);
  return sync_folder(file.parent_path());
}

} // namespace

result<void> ledger::keep_to_node(const fs::path& folder, const std::string& node) {
  if (auto made = make_folder(folder); !made)
    return made;
  const auto file = folder / "node";
  const auto before = text_of(file);
  if (before == node)
    return {};
  const auto with_attempts = other_head(folder, {});
  if (!with_attempts)
    return with_attempts.failure();
  if (!before.empty() && !with_attempts->empty())
    return error{ec::conflict, folder.parent_path().string() + " still has tasks of the node " + before +
                                   ": start it under that name until they have ended, and " + node +
                                   " with a state directory of its own"};
  return write_durably(file, folder / "node.draft", node);
}

result<ledger> ledger::open(const fs::path& folder, const std::string& head, fs::path root) {
  if (auto made = make_folder(folder / head); !made)
    return made.failure();
  const auto other = other_head(folder, head);
  if (!other)
    return other.failure();
  if (!other->empty())
    return error{ec::conflict, "this node still has tasks of the head " + *other +
                                   ": connect it to that head until they have ended, or, if that head is gone for "
                                   "good, end them and remove " +
                                   (folder / *other).string()};
  ledger out{folder / head, std::move(root)};
  if (auto loaded = out.load(); !loaded)
    return loaded.failure();
  return out;
}

result<attempt_spec> ledger::read(const fs::path& file) const {
  auto decoded = decode(text_of(file), root_);
  if (decoded && file.stem() == to_string(decoded->id))
    return decoded;
  return error{ec::store_corrupt,
               file.string() + " is damaged" +
                   (decoded ? std::string{": it is of another attempt"} : ", " + decoded.failure().message) +
                   ". It says which task was given to this node; remove it when that has ended"};
}

result<void> ledger::load() {
  std::error_code problem;
  for (fs::directory_iterator at{folder_, problem}, end; !problem && at != end; at.increment(problem)) {
    const auto kind = at->path().extension();
    if (kind != ending && kind != mark) { // A draft: it was never acted on.
      fs::remove(at->path(), problem);
      continue;
    }
    auto one = read(at->path());
    if (!one)
      return one.failure();
    (kind == ending ? found_ : leaving_).push_back(*std::move(one));
  }
  if (problem)
    return {ec::io_error, "cannot read " + folder_.string() + ": " + problem.message()};
  const auto by_id = [](const attempt_spec& a, const attempt_spec& b) {
    return std::tie(a.id.workflow, a.id.task, a.id.number) < std::tie(b.id.workflow, b.id.task, b.id.number);
  };
  std::sort(found_.begin(), found_.end(), by_id);
  std::sort(leaving_.begin(), leaving_.end(), by_id);
  return {};
}

fs::path ledger::file_of(attempt_id x) const {
  return folder_ / (to_string(x) + ending);
}

fs::path ledger::mark_of(attempt_id x) const {
  return folder_ / (to_string(x) + mark);
}

result<void> ledger::note(const attempt_spec& x) const {
  const auto text = encode(x, root_);
  if (!text)
    return text.failure();
  return write_durably(file_of(x.id), folder_ / (to_string(x.id) + ".draft"), *text);
}

result<void> ledger::let_go(attempt_id x) const {
  if (::rename(file_of(x).c_str(), mark_of(x).c_str()) == 0)
    return sync_folder(folder_);
  return errno == ENOENT ? result<void>{} : failed("rename", file_of(x));
}

result<void> ledger::drop(attempt_id x) const {
  // Not synced: who finds it again after a crash lets go of it again.
  if (::unlink(mark_of(x).c_str()) != 0 && errno != ENOENT)
    return failed("remove", mark_of(x));
  return {};
}

} // namespace muster::remote
