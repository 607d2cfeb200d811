#include "executors/process/warden/records.hpp"

#include "executors/process/warden/procfs.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace muster::process {

namespace {

/// A record as it lies in the file. The host's byte order: the file never leaves the host.
struct raw_record {
  std::uint32_t checksum;
  std::uint32_t magic;
  std::int64_t workflow;
  std::uint32_t task;
  std::uint32_t number;
  std::uint8_t at;
  std::uint8_t what;
  std::uint8_t sandboxed;
  std::uint8_t unused;
  std::int32_t pid;
  std::int32_t code;
  std::int32_t signal;
  std::int32_t detail;
  std::int32_t unused2;
  std::uint64_t boot;
  std::uint64_t first_tick;
  std::uint64_t last_tick;
  std::int64_t started_us;
  std::int64_t ended_us;
};
static_assert(sizeof(raw_record) == 88, "the layout of a file must not change by accident");

constexpr std::uint32_t magic_1 = 0x3152574d; // "MWR1"
constexpr std::size_t rewrite_above = 4096;
/// An end that nobody asked for in so long will never be asked for: its workflow was deleted.
constexpr std::int64_t keep_ended_us = 90LL * 24 * 3600 * 1'000'000;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit)
      c = (c & 1U) != 0 ? 0xedb88320U ^ (c >> 1U) : c >> 1U;
    table[i] = c;
  }
  return table;
}

std::uint32_t crc32(const char* data, std::size_t size) {
  static constexpr auto table = make_crc_table();
  std::uint32_t c = 0xffffffffU;
  for (std::size_t i = 0; i < size; ++i)
    c = table[(c ^ static_cast<unsigned char>(data[i])) & 0xffU] ^ (c >> 8U);
  return c ^ 0xffffffffU;
}

void append(std::string& out, const attempt_record& x, std::uint64_t boot) {
  raw_record raw{};
  raw.magic = magic_1;
  raw.workflow = x.id.workflow.value;
  raw.task = x.id.task.value;
  raw.number = x.id.number;
  raw.at = static_cast<std::uint8_t>(x.at);
  raw.what = x.what;
  raw.sandboxed = x.sandboxed;
  raw.pid = x.pid;
  raw.code = x.code;
  raw.signal = x.signal;
  raw.detail = x.detail;
  raw.boot = boot;
  raw.first_tick = x.first_tick;
  raw.last_tick = x.last_tick;
  raw.started_us = x.started_us;
  raw.ended_us = x.ended_us;
  char bytes[sizeof raw];
  std::memcpy(bytes, &raw, sizeof raw);
  raw.checksum = crc32(bytes + sizeof raw.checksum, sizeof raw - sizeof raw.checksum);
  std::memcpy(bytes, &raw.checksum, sizeof raw.checksum);
  out.append(bytes, sizeof bytes);
}

/// False if the bytes are no record.
bool parse(const char* bytes, attempt_record& x, std::uint64_t& boot) {
  raw_record raw{};
  std::memcpy(&raw, bytes, sizeof raw);
  if (raw.magic != magic_1 || raw.checksum != crc32(bytes + sizeof raw.checksum, sizeof raw - sizeof raw.checksum))
    return false;
  x.id = {workflow_key{raw.workflow}, task_index{raw.task}, raw.number};
  x.at = static_cast<attempt_record::state>(raw.at);
  x.what = raw.what;
  x.sandboxed = raw.sandboxed;
  x.pid = raw.pid;
  x.code = raw.code;
  x.signal = raw.signal;
  x.detail = raw.detail;
  x.first_tick = raw.first_tick;
  x.last_tick = raw.last_tick;
  x.started_us = raw.started_us;
  x.ended_us = raw.ended_us;
  boot = raw.boot;
  return true;
}

std::uint64_t this_boot() {
  static const auto number = boot_number();
  return number;
}

} // namespace

result<record_file> record_file::open(const std::string& path) {
  record_file out;
  out.path_ = path;
  out.file_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!out.file_)
    return os_error("cannot open " + path, errno);
  if (const auto loaded = out.load(); !loaded)
    return loaded.failure();
  return out;
}

result<void> record_file::load() {
  char bytes[sizeof(raw_record)];
  off_t at = 0;
  while (::pread(file_.get(), bytes, sizeof bytes, at) == static_cast<ssize_t>(sizeof bytes)) {
    attempt_record x;
    std::uint64_t boot = 0;
    if (!parse(bytes, x, boot))
      break;
    at += static_cast<off_t>(sizeof bytes);
    ++written_;
    if (x.at == attempt_record::state::running && boot != this_boot())
      x.at = attempt_record::state::lost;
    if (x.at == attempt_record::state::forgotten)
      live_.erase(x.id);
    else
      live_[x.id] = x;
  }
  if (::ftruncate(file_.get(), at) != 0)
    return os_error("cannot cut the torn end off " + path_, errno);
  return {};
}

void record_file::put(const attempt_record& x) {
  if (x.at == attempt_record::state::forgotten) {
    if (live_.erase(x.id) == 0)
      return;
  } else {
    live_[x.id] = x;
  }
  append(pending_, x, this_boot());
}

result<void> record_file::flush() {
  if (pending_.empty())
    return {};
  if (is_torn_ && !cut())
    return os_error("cannot cut the torn end off " + path_, errno);
  if (!write_all(file_.get(), pending_)) {
    const int number = errno;
    // What a full disk let through of it must not stand in the way of the next try.
    is_torn_ = !cut();
    return os_error("cannot write " + path_, number);
  }
  written_ += pending_.size() / sizeof(raw_record);
  pending_.clear();
  if (written_ > rewrite_above && written_ > 4 * live_.size())
    return rewrite();
  return {};
}

bool record_file::cut() noexcept {
  if (::ftruncate(file_.get(), static_cast<off_t>(written_ * sizeof(raw_record))) != 0)
    return false;
  is_torn_ = false;
  return true;
}

result<void> record_file::rewrite() {
  const auto oldest = wall_clock_us() - keep_ended_us;
  std::string all;
  for (auto it = live_.begin(); it != live_.end();) {
    const auto& x = it->second;
    if (x.at != attempt_record::state::running && x.ended_us < oldest) {
      it = live_.erase(it);
      continue;
    }
    append(all, x, this_boot());
    ++it;
  }
  const auto next = path_ + ".new";
  unique_fd file{::open(next.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)};
  // The old file stays good: failing to shrink it is no failure.
  if (!file || !write_all(file.get(), all) || ::rename(next.c_str(), path_.c_str()) != 0)
    return {};
  file_ = std::move(file);
  written_ = live_.size();
  return {};
}

} // namespace muster::process
