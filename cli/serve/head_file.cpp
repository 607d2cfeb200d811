#include "cli/serve/head_file.hpp"

#include <nlohmann/json.hpp>

#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::cli {

namespace {

std::filesystem::path path_in(const store::state_directory& where) {
  return where.root() / "head.json";
}

/// When the process began, in ticks since boot: with its number it names a process for good. 0 if there is none, or if
/// it has ended and only its parent does not know yet.
unsigned long long start_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(in, text);
  const auto name_end = text.rfind(')'); // The name may hold anything.
  if (name_end == std::string::npos)
    return 0;
  std::istringstream fields(text.substr(name_end + 1));
  constexpr int fields_before = 18;
  std::string state;
  fields >> state;
  if (state == "Z" || state == "X")
    return 0;
  std::string skipped;
  for (int i = 0; i < fields_before; ++i)
    fields >> skipped;
  unsigned long long ticks = 0;
  fields >> ticks;
  return ticks;
}

std::optional<nlohmann::json> read(const store::state_directory& where) {
  std::ifstream in(path_in(where));
  if (!in)
    return std::nullopt;
  auto x = nlohmann::json::parse(in, nullptr, false);
  return x.is_object() ? std::optional{std::move(x)} : std::nullopt;
}

} // namespace

result<void> write_head_file(const store::state_directory& where, const head_file& x) {
  const nlohmann::ordered_json object{
      {"address", x.address}, {"pid", x.pid},     {"pid_start", start_of(x.pid)}, {"started", x.started},
      {"version", x.version}, {"ready", x.ready}, {"agents", x.agents},           {"ca", x.ca}};
  const auto text = object.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
  const auto path = path_in(where);
  const auto temporary = path.string() + ".new";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  const bool written =
      descriptor >= 0 && ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int problem = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  if (!written)
    return {ec::io_error, "cannot write " + temporary + ": " + std::strerror(problem)};
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return {ec::io_error, "cannot write " + path.string() + ": " + std::strerror(errno)};
  return {};
}

void remove_head_file(const store::state_directory& where) {
  if (const auto x = read(where); x && x->value("pid", 0) == ::getpid())
    ::unlink(path_in(where).c_str());
}

std::optional<head_file> find_head(const store::state_directory& where) {
  const auto x = read(where);
  if (!x)
    return std::nullopt;
  try {
    head_file out;
    out.address = x->at("address").get<std::string>();
    out.pid = x->at("pid").get<pid_t>();
    out.started = x->value("started", "");
    out.version = x->value("version", "");
    out.ready = x->value("ready", true);
    out.agents = x->value("agents", "");
    out.ca = x->value("ca", "");
    const auto start = x->value("pid_start", 0ULL);
    // One that was killed left its file; its number may be another process's by now.
    if (out.pid <= 0 || start == 0 || start_of(out.pid) != start)
      return std::nullopt;
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

} // namespace muster::cli
