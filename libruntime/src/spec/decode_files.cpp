#include "spec/decode.hpp"

#include "muster/base/base64.hpp"
#include "spec/local_files.hpp"
#include "spec/sections.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

namespace muster::spec {

namespace {

using names = std::vector<std::string_view>;

/// Where no executor could ever put a file. What tokens become is not known yet.
void check_place(const value_reader& in, value_at x, const field_path& path, std::string_view file) {
  const auto refuse = [&](const std::string& expected) {
    in.report().error(x.place, path, "expected " + expected + ", found '" + std::string{file.substr(0, 200)} + "'");
  };
  const auto last = file.substr(std::min(file.rfind('/') + 1, file.size())); // npos + 1 is 0.
  if (last.empty() || last == ".")
    refuse("the path of a file");
  if (file.find('\0') != std::string_view::npos)
    refuse("a path without a NUL byte");
  for (auto rest = file; !rest.empty();) {
    const auto part = rest.substr(0, rest.find('/'));
    if (part == "..")
      return refuse("a path without '..'");
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  const auto parts = names_on_path(file);
  if (file.front() == '/' && !parts.empty() && (parts[0] == "proc" || parts[0] == "sys" || parts[0] == "dev"))
    refuse("a path outside of /proc, /sys and /dev, which belong to the kernel");
}

void check_base64(const value_reader& in, value_at x, const field_path& path, const file& read) {
  // A token of Muster's own may become any text.
  if (!read.base64 || !find_flow_tokens(read.contents).empty())
    return;
  if (const auto bytes = decode_base64(read.contents); !bytes)
    in.report().error(x.place, path, bytes.failure().message, "leave `base64` out if this is the text itself");
}

/// Returns whether the contents are those of a local file.
bool decode_file(const value_reader& in, value_at x, const field_path& path, const load_options& options, file& out) {
  std::optional<value_at> contents;
  std::optional<value_at> local;
  const bool read = each_field(
      in, x, path, names{"path", "contents", "base64", "localpath"}, {"path"},
      [&](std::string_view name, value_at value, const field_path& where) {
        if (name == "base64") {
          (void)in.boolean(value, where, out.base64);
        } else if (name == "contents") {
          contents = value;
          (void)in.text(value, where, out.contents, numbers::as_text);
        } else if (name == "localpath") {
          local = value;
        } else if (in.text(value, where, out.path, numbers::as_text)) {
          if (!good_file_path(out.path))
            in.report().error(value.place, where,
                              "expected a path that is not empty and not below /osmo, found '" + out.path + "'",
                              "only /osmo/data/output/ takes files");
          else if (options.profile == profile::muster)
            check_place(in, value, where, out.path);
        }
      });
  if (!read)
    return false;
  if (local && contents) {
    in.report().error(local->place, path.field("localpath"), "`localpath` and `contents` exclude each other");
  } else if (local) {
    std::string name;
    const auto where = path.field("localpath");
    if (!in.text(*local, where, name, numbers::refuse))
      return false;
    if (const auto problem = read_local_file(name, options, out); !problem.empty())
      in.report().error(local->place, where, problem);
    else if (options.profile == profile::muster)
      check_base64(in, *local, where, out);
  } else if (!contents) {
    in.report().error(x.place, path, "`contents` is missing", "or name a file of this host: `localpath: run.sh`");
  } else if (options.profile == profile::muster) {
    check_base64(in, *contents, path.field("contents"), out);
  }
  return local.has_value();
}

/// The path without what makes no difference, to be compared with others.
std::string plain_path(std::string_view path) {
  std::string out = path.front() == '/' ? "/" : "";
  for (const auto name : names_on_path(path))
    out.append(name).append(1, '/');
  return out;
}

/// No executor could ever put a file where another needs a folder.
void check_nesting(const value_reader& in, const std::vector<value_at>& items, const field_path& path,
                   const std::vector<file>& files) {
  std::map<std::string, std::size_t> by_path;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (!names_on_path(files[i].path).empty())
      by_path.emplace(plain_path(files[i].path), i);
  // In their order what begins with a path comes right behind it.
  auto top = by_path.begin();
  for (auto at = top; at != by_path.end(); ++at)
    if (at == top || at->first.rfind(top->first, 0) != 0)
      top = at;
    else
      in.report().error(items[at->second].place, path.item(at->second).field("path"),
                        "path '" + files[at->second].path + "' is below '" + files[top->second].path +
                            "', where files[" + std::to_string(top->second) + "] puts a file",
                        "a path is that of a file or that of a folder");
}

} // namespace

void decode_files(const value_reader& in, value_at x, const field_path& path, const load_options& options,
                  std::vector<file>& out, task_places& places) {
  std::vector<value_at> items;
  if (!in.list(x, path, items))
    return;
  for (const auto& item : items)
    places.files.push_back(item.place);
  std::unordered_map<std::string, std::size_t> seen;
  out.resize(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto where = path.item(i);
    places.local_files.push_back(decode_file(in, items[i], where, options, out[i]));
    const auto [first, is_new] = seen.emplace(out[i].path, i);
    if (!is_new && !out[i].path.empty())
      in.report().error(items[i].place, where.field("path"),
                        "path '" + out[i].path + "' is that of files[" + std::to_string(first->second) +
                            "] too, each file needs its own");
  }
  if (options.profile == profile::muster)
    check_nesting(in, items, path, out);
}

} // namespace muster::spec
