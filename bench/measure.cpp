#include "measure.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

// Of tcmalloc (gperftools/malloc_extension_c.h); absent where sanitizers bring their own allocator.
extern "C" {
int MallocExtension_GetNumericProperty(const char* property, std::size_t* value) __attribute__((weak));
void MallocExtension_ReleaseFreeMemory() __attribute__((weak));
}

namespace muster::bench {

std::size_t allocated_bytes() {
  std::size_t bytes = 0;
  if (MallocExtension_GetNumericProperty == nullptr)
    return mallinfo2().uordblks;
  MallocExtension_GetNumericProperty("generic.current_allocated_bytes", &bytes);
  return bytes;
}

std::size_t resident_bytes() {
  if (MallocExtension_ReleaseFreeMemory != nullptr)
    MallocExtension_ReleaseFreeMemory();
  malloc_trim(0);
  std::ifstream file{"/proc/self/statm"};
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGE_SIZE));
}

timings run_interleaved(const std::vector<contestant>& contestants, int rounds) {
  timings times(contestants.size());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      const auto who = (i + static_cast<std::size_t>(round)) % contestants.size();
      const auto begin = std::chrono::steady_clock::now();
      contestants[who].run();
      times[who].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
  return times;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void print(const std::string& title, const std::vector<contestant>& contestants, const timings& times, double items,
           std::size_t floor) {
  std::printf("\n%s (%zu rounds)\n%-34s %10s %10s %12s %8s\n", title.c_str(), times.front().size(), "", "median s",
              "best s", "items/s", "ratio");
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    std::vector<double> ratios;
    for (std::size_t r = 0; r < times[i].size(); ++r)
      ratios.push_back(times[floor][r] / times[i][r]);
    const auto middle = median(times[i]);
    std::printf("%-34s %10.3f %10.3f %12.0f %8.2f\n", contestants[i].name.c_str(), middle,
                *std::min_element(times[i].begin(), times[i].end()), items / middle, median(ratios));
  }
  std::fflush(stdout);
}

void run_program(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const auto& x : argv)
    arguments.push_back(const_cast<char*>(x.c_str()));
  arguments.push_back(nullptr);
  std::vector<char*> variables;
  variables.reserve(environment.size() + 64);
  for (auto* x = environ; *x != nullptr; ++x)
    variables.push_back(*x);
  for (const auto& x : environment)
    variables.push_back(const_cast<char*>(x.c_str()));
  variables.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (problem != 0 || waitpid(child, &status, 0) != child || status != 0) {
    std::fprintf(stderr, "benchmark: %s failed (status %d)\n", argv.front().c_str(), status);
    std::exit(1);
  }
}

namespace {

/// Has ext4 lay its folders out far from each other, as on a disk of their own (`chattr +T`). Else all lie where
/// whatever was deleted minutes ago did, before a bench, and without a journal ext4 looks at each such inode for every
/// new file.
void spread_folders_of(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int flags = 0;
  if (fd >= 0 && ::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_TOPDIR_FL;
    (void)::ioctl(fd, FS_IOC_SETFLAGS, &flags); // Other file systems have no such thing, and no such cost.
  }
  if (fd >= 0)
    ::close(fd);
}

/// The folder that holds all others.
class scratch_root {
public:
  scratch_root() {
    auto pattern = (std::filesystem::temp_directory_path() / "muster-bench-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      std::perror("benchmark: mkdtemp");
      std::exit(1);
    }
    path_ = pattern;
    spread_folders_of(path_);
  }
  ~scratch_root() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_root(const scratch_root&) = delete;
  scratch_root& operator=(const scratch_root&) = delete;

  /// By names that no other run has: ext4 chooses the place for a folder by its name, and is slow for minutes where a
  /// run before has removed many files.
  std::string fresh() {
    auto path = path_ + '/' + path_.substr(path_.size() - 6) + '-' + std::to_string(next_++);
    std::filesystem::create_directory(path);
    return path;
  }

private:
  std::string path_;
  int next_ = 0;
};

} // namespace

scratch_folder::scratch_folder() {
  static scratch_root root;
  path_ = root.fresh();
}

} // namespace muster::bench
