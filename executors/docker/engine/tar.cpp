#include "executors/docker/engine/tar.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace muster::docker {

namespace {

constexpr std::size_t block = 512;
constexpr std::size_t name_size = 100;
constexpr std::size_t prefix_size = 155;
constexpr std::size_t longest_path = 4096;
constexpr std::uint32_t largest_id = 07777777;
constexpr std::uint64_t largest_number = 077777777777; ///< Eleven octal digits: sizes and times.
constexpr char file_type = '0';
constexpr char folder_type = '5';
constexpr char pax_type = 'x';

/// Where the fields of a ustar header are (POSIX.1-2001, pax, "ustar Interchange Format").
struct field {
  std::size_t at;
  std::size_t size;
};
constexpr field name_field{0, name_size};
constexpr field mode_field{100, 8};
constexpr field uid_field{108, 8};
constexpr field gid_field{116, 8};
constexpr field size_field{124, 12};
constexpr field mtime_field{136, 12};
constexpr field checksum_field{148, 8};
constexpr std::size_t type_at = 156;
constexpr std::size_t magic_at = 257;
constexpr field prefix_field{345, prefix_size};

using header = std::array<char, block>;

void put(header& to, field where, std::string_view text) {
  std::copy_n(text.begin(), std::min(text.size(), where.size), to.begin() + static_cast<std::ptrdiff_t>(where.at));
}

/// Octal digits and a NUL.
void put(header& to, field where, std::uint64_t number) {
  for (auto i = where.size - 1; i-- > 0; number >>= 3U)
    to[where.at + i] = static_cast<char>('0' + (number & 7U));
}

/// Where `path` may be parted into prefix and name; npos if nowhere.
std::size_t parting_of(std::string_view path) {
  if (path.size() > prefix_size + 1 + name_size)
    return std::string_view::npos;
  // A folder's slash at the end belongs to its name.
  const auto slash = path.rfind('/', std::min(prefix_size, path.size() - 2));
  const bool fits = slash != std::string_view::npos && slash > 0 && path.size() - slash - 1 <= name_size;
  return fits ? slash : std::string_view::npos;
}

header make_header(std::string_view path, std::uint64_t size, const tar_writer::attributes& how, char type) {
  header out{};
  if (path.size() <= name_size) {
    put(out, name_field, path);
  } else {
    const auto slash = parting_of(path);
    put(out, prefix_field, path.substr(0, slash));
    put(out, name_field, path.substr(slash + 1));
  }
  put(out, mode_field, std::uint64_t{how.mode});
  put(out, uid_field, std::uint64_t{how.uid});
  put(out, gid_field, std::uint64_t{how.gid});
  put(out, size_field, size);
  put(out, mtime_field, static_cast<std::uint64_t>(how.mtime));
  out[type_at] = type;
  put(out, {magic_at, 8}, std::string_view("ustar\00000", 8));
  put(out, checksum_field, std::string_view("        "));
  std::uint64_t sum = 0;
  for (const char c : out)
    sum += static_cast<unsigned char>(c);
  put(out, {checksum_field.at, 7}, sum);
  return out;
}

void append(std::string& out, const header& head, std::string_view content) {
  out.append(head.data(), head.size());
  out.append(content);
  out.append((block - content.size() % block) % block, '\0');
}

/// `<length> path=<path>\n`, where the length counts itself.
std::string pax_record(std::string_view path) {
  const auto rest = " path=" + std::string(path) + "\n";
  auto length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length)
    length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

std::string fault_of(std::string_view path) {
  if (path.empty())
    return "it is empty";
  if (path.size() > longest_path)
    return "it is longer than " + std::to_string(longest_path) + " bytes";
  if (path.find('\0') != std::string_view::npos)
    return "it has a NUL";
  while (true) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..")
      return "it must be relative, without '..', '.' and empty parts";
    if (slash == std::string_view::npos)
      return {};
    path.remove_prefix(slash + 1);
  }
}

} // namespace

result<void> tar_writer::add(std::string path, std::string_view content, const attributes& how, char type) {
  if (const auto fault = fault_of(path); !fault.empty())
    return error{ec::invalid_argument, "'" + path.substr(0, 200) + "' cannot be put into an archive: " + fault};
  if (how.uid > largest_id || how.gid > largest_id || how.mode > 07777U || how.mtime < 0 ||
      static_cast<std::uint64_t>(how.mtime) > largest_number || content.size() > largest_number)
    return error{ec::invalid_argument, "'" + path.substr(0, 200) + "' has attributes that no archive can hold"};
  if (type == folder_type)
    path += '/';
  if (path.size() > name_size && parting_of(path) == std::string_view::npos) {
    const auto record = pax_record(path);
    append(out_, make_header("pax", record.size(), how, pax_type), record);
    path.resize(name_size); // what a reader without pax sees
  }
  append(out_, make_header(path, content.size(), how, type), content);
  return {};
}

result<void> tar_writer::add_file(std::string_view path, std::string_view content, const attributes& how) {
  return add(std::string(path), content, how, file_type);
}

result<void> tar_writer::add_folder(std::string_view path, const attributes& how) {
  return add(std::string(path), {}, how, folder_type);
}

std::string tar_writer::finish() && {
  out_.append(2 * block, '\0');
  return std::move(out_);
}

} // namespace muster::docker
