#include "executors/machine/gpu_claim.hpp"

#include "muster/base/posix.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace muster::machine {

namespace {

namespace fs = std::filesystem;

std::string reason(int number) {
  return std::generic_category().message(number);
}

fs::path file_of(const fs::path& folder, const std::string& uuid) {
  std::string name = "muster-gpu-";
  for (const char c : uuid) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '-';
  }
  return folder / name;
}

/// What is there already may be of another user. Never opened with O_CREAT: in a folder like /tmp the kernel refuses
/// that for files of others (fs.protected_regular). Others must be able to read it, whatever the umask.
result<unique_fd> open_file(const fs::path& path) {
  constexpr int how = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  for (;;) {
    unique_fd file{::open(path.c_str(), how | O_RDWR)};
    if (!file && (errno == EACCES || errno == EROFS))
      file.reset(::open(path.c_str(), how | O_RDONLY));
    if (file)
      return file;
    if (errno != ENOENT)
      return error{ec::conflict,
                   "who offers it cannot be told, as " + path.string() + " cannot be read: " + reason(errno)};
    file.reset(::open(path.c_str(), how | O_RDWR | O_CREAT | O_EXCL, 0644));
    if (file) {
      ::fchmod(file.get(), 0644);
      return file;
    }
    if (errno != EEXIST)
      return error{ec::io_error, "no file can be made in " + path.parent_path().string() + ": " + reason(errno)};
  }
}

/// Of `1: FLOCK  ADVISORY  WRITE 2718 00:19:1234 0 EOF`, where the file is that one.
std::optional<long> holder_in(const std::string& locks, const struct stat& file) {
  std::array<char, 64> wanted{};
  std::snprintf(wanted.data(), wanted.size(), "%02x:%02x:%llu", major(file.st_dev), minor(file.st_dev),
                static_cast<unsigned long long>(file.st_ino));
  std::istringstream lines{locks};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string number, kind, mode, access, which;
    long process = 0;
    if (words >> number >> kind >> mode >> access >> process >> which && kind == "FLOCK" && which == wanted.data() &&
        process > 0) // Else it is in another namespace.
      return process;
  }
  return std::nullopt;
}

std::string holder_of(const struct stat& file) {
  const auto process = holder_in(read_small_file("/proc/locks"), file);
  if (!process)
    return "another process";
  const auto number = std::to_string(*process);
  auto name = read_small_file(("/proc/" + number + "/comm").c_str());
  name.erase(std::min(name.find('\n'), name.size()));
  return "process " + number + (name.empty() ? "" : " (" + name + ')');
}

/// The state directory of who had it last; empty if nobody is noted.
std::string noted_in(int file) {
  std::string out(4096, '\0');
  const auto size = ::pread(file, out.data(), out.size(), 0);
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  out.erase(std::min(out.find('\n'), out.size()));
  return out;
}

/// Who cannot write the file leaves it as it is: nobody else loses anything by that.
void note(int file, const std::string& state) {
  const auto line = state + '\n';
  if (::ftruncate(file, 0) == 0)
    static_cast<void>(::pwrite(file, line.data(), line.size(), 0));
}

bool is_gone(const fs::path& state) {
  std::error_code problem;
  return !fs::exists(state, problem) && !problem;
}

void drop(gpu_offer& from, const index_set& which) {
  const auto is_dropped = [&](std::uint32_t x) { return which.count(x) != 0; };
  const auto erase = [](auto& all, auto is) { all.erase(std::remove_if(all.begin(), all.end(), is), all.end()); };
  erase(from.indices, is_dropped);
  erase(from.facts, [&](const gpu_facts& x) { return is_dropped(x.index); });
  for (auto& group : from.links)
    erase(group, is_dropped);
  erase(from.links, [](const auto& group) { return group.size() < 2; });
}

} // namespace

fs::path claims_folder() {
  const char* named = std::getenv("MUSTER_GPU_LOCKS"); // NOLINT(concurrency-mt-unsafe): nobody sets it.
  return named != nullptr && *named != '\0' ? named : "/run/lock";
}

result<gpu_claim> gpu_claim::take(const fs::path& folder, const std::string& uuid, const claimant& who) {
  auto file = open_file(file_of(folder, uuid));
  if (!file)
    return file.failure();
  if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) {
    const auto before = noted_in(file->get());
    if (before == who.state.native())
      return gpu_claim{std::move(*file)};
    if (!before.empty() && !who.is_told_to_have && !is_gone(before))
      return error{ec::conflict, "the agent of " + before +
                                     " offered it, and what it left may run there: start that agent again, or, if "
                                     "nothing runs there, name the GPU by --gpus"};
    note(file->get(), who.state.native());
    return gpu_claim{std::move(*file)};
  }
  const auto why = errno;
  struct stat facts {};
  if (why != EWOULDBLOCK || ::fstat(file->get(), &facts) != 0)
    return error{ec::io_error, "files in " + folder.string() + " cannot be locked: " + reason(why)};
  return error{ec::conflict, holder_of(facts) + " offers it"};
}

void gpu_claims::claim(gpu_offer& offer) {
  index_set dropped;
  std::map<std::string, index_set> refused;
  std::map<std::string, index_set> unsure;
  for (const auto& x : offer.facts) {
    if (x.uuid.empty() || held_.count(x.uuid) != 0)
      continue;
    auto taken = gpu_claim::take(folder_, x.uuid, who_);
    if (taken) {
      held_.emplace(x.uuid, std::move(*taken));
    } else if (taken.failure().code == ec::conflict) {
      dropped.insert(x.index);
      refused[taken.failure().message].insert(x.index);
    } else {
      unsure[taken.failure().message].insert(x.index);
    }
  }
  drop(offer, dropped);
  for (const auto& [why, which] : refused) {
    offer.warnings.push_back("GPU " + text_of(which) + " is not offered: " + why);
    if (offer.indices.empty())
      offer.none_because = offer.warnings.back();
  }
  for (const auto& [why, which] : unsure)
    offer.warnings.push_back("whether another agent of this machine offers GPU " + text_of(which) +
                             " cannot be told: " + why);
}

} // namespace muster::machine
