#include "executors/data/results.hpp"

#include "muster/base/unique_fd.hpp"
#include "muster/spec/expression.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace muster::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* white_space = " \t\r\n";

std::string problem(const std::string& what) {
  return "the task's result (what it wrote to MUSTER_RESULT) " + what;
}

std::string too_large(std::uint64_t bytes, std::size_t most) {
  return problem("has " + std::to_string(bytes) + " bytes; at most " + std::to_string(most) +
                 " are taken: write larger data to the output folder");
}

/// Reads to the end, but hardly more than `most` bytes; false if that fails.
bool read_all(int file, std::size_t most, std::string& text) {
  std::array<char, 16384> buffer{};
  while (text.size() <= most) {
    const auto got = ::read(file, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return false;
    if (got == 0)
      return true;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return true;
}

} // namespace

void take_result(std::string text, std::size_t most, exit_result& to) {
  to.result.clear();
  to.result_problem.clear();
  if (text.size() > most) {
    to.result_problem = too_large(text.size(), most);
    return;
  }
  text.erase(text.find_last_not_of(white_space) + 1);
  text.erase(0, text.find_first_not_of(white_space));
  if (text.empty())
    return;
  if (const auto read = spec::value_from_json(text, most); !read)
    to.result_problem = problem("is " + read.failure().message);
  else
    to.result = std::move(text);
}

void read_result(const fs::path& file, std::size_t most, exit_result& to) {
  to.result.clear();
  to.result_problem.clear();
  const unique_fd opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)};
  if (opened.get() < 0 && errno == ENOENT)
    return;
  struct stat facts {};
  if (opened.get() < 0 || ::fstat(opened.get(), &facts) != 0) {
    to.result_problem = problem("cannot be read: " + std::generic_category().message(errno));
    return;
  }
  if (!S_ISREG(facts.st_mode)) {
    to.result_problem = problem("is no file");
    return;
  }
  if (static_cast<std::uint64_t>(facts.st_size) > most) {
    to.result_problem = too_large(static_cast<std::uint64_t>(facts.st_size), most);
    return;
  }
  std::string text;
  if (!read_all(opened.get(), most, text))
    to.result_problem = problem("cannot be read: " + std::generic_category().message(errno));
  else
    take_result(std::move(text), most, to);
}

bool has_result(const std::string& file) {
  struct stat facts {};
  return ::lstat(file.c_str(), &facts) == 0;
}

result<void> write_results(const attempt_spec& spec, const fs::path& folder) {
  if (spec.results.empty())
    return {};
  std::error_code failed;
  fs::remove_all(folder, failed); // Of a preparation that a crash cut short.
  fs::create_directories(folder, failed);
  if (failed)
    return {ec::data_error, "cannot make the folder " + folder.string() + ": " + failed.message()};
  for (const auto& [name, text] : spec.results) {
    if (name.empty() || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
      return {ec::data_error, "the result of step '" + name + "' cannot be written: its name is no file name"};
    const auto path = folder / (name + ".json");
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    out << (text ? *text : std::string{"null"}) << '\n';
    out.close();
    if (!out)
      return {ec::data_error, "cannot write the result of step '" + name + "' to " + path.string() + ": " +
                                  std::generic_category().message(errno)};
  }
  return {};
}

result<void> keep_outputs(const attempt_spec& spec, const std::vector<spec::output>& located) {
  if (spec.tokens.empty() || located.empty())
    return {};
  auto all = nlohmann::json::array();
  for (const auto& x : located)
    all.push_back({x.url, x.regex});
  const auto path = spec.folder / kept_outputs_name;
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  out.close();
  if (!out)
    return {ec::data_error, "cannot write " + path.string() + ": " + std::generic_category().message(errno)};
  return {};
}

std::vector<spec::output> kept_outputs(const fs::path& attempt_folder, std::vector<spec::output> otherwise) {
  if (otherwise.empty())
    return otherwise;
  std::ifstream in{attempt_folder / kept_outputs_name, std::ios::binary};
  const auto kept = in ? nlohmann::json::parse(in, nullptr, false) : nlohmann::json{};
  if (!kept.is_array() || kept.size() != otherwise.size())
    return otherwise;
  std::vector<spec::output> out;
  for (const auto& x : kept) {
    if (!x.is_array() || x.size() != 2 || !x[0].is_string() || !x[1].is_string())
      return otherwise;
    out.push_back({x[0].get<std::string>(), x[1].get<std::string>()});
  }
  return out;
}

} // namespace muster::data
