#include "executors/process/sandbox_plan.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace muster::process {

namespace fs = std::filesystem;

host_kind real_host_files::kind_of(const fs::path& path) const {
  std::error_code failed;
  switch (fs::symlink_status(path, failed).type()) {
    case fs::file_type::not_found: return host_kind::absent;
    case fs::file_type::regular: return host_kind::file;
    case fs::file_type::directory: return host_kind::folder;
    case fs::file_type::symlink: return host_kind::link;
    default: return host_kind::other;
  }
}

std::optional<fs::path> real_host_files::resolve(const fs::path& path) const {
  std::error_code failed;
  auto out = fs::canonical(path, failed);
  if (failed)
    return std::nullopt;
  return out;
}

std::vector<host_files::entry> real_host_files::list(const fs::path& folder, std::size_t limit) const {
  std::vector<entry> out;
  std::error_code failed;
  for (fs::directory_iterator at{folder, failed}, end; !failed && at != end && out.size() <= limit;
       at.increment(failed)) {
    entry x;
    x.name = at->path().filename().string();
    x.kind = kind_of(at->path());
    if (x.kind == host_kind::link)
      x.target = fs::read_symlink(at->path(), failed).string();
    out.push_back(std::move(x));
  }
  return out;
}

bool real_host_files::is_open_to_all(const fs::path& folder) const {
  std::error_code failed;
  const auto mode = fs::status(folder, failed).permissions();
  return !failed && (mode & fs::perms::others_write) != fs::perms::none;
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  static_cast<void>(rest);
  return end == folder.end();
}

namespace {

/// A target, located on the host.
struct located {
  fs::path path;       ///< Without links.
  fs::path anchor;     ///< The deepest folder on its way that exists.
  bool covers = false; ///< There is a file to cover.
};

/// A host on which one folder is empty.
class emptied_host final : public host_files {
public:
  emptied_host(const host_files& real, const std::optional<private_folder>& own) : real_(real) {
    if (own)
      empty_ = own->path;
  }
  [[nodiscard]] host_kind kind_of(const fs::path& path) const override {
    return is_hidden(path) ? host_kind::absent : real_.kind_of(path);
  }
  [[nodiscard]] std::optional<fs::path> resolve(const fs::path& path) const override {
    auto out = is_hidden(path) ? std::nullopt : real_.resolve(path);
    return out && is_hidden(*out) ? std::nullopt : out;
  }
  [[nodiscard]] std::vector<entry> list(const fs::path& folder, std::size_t limit) const override {
    return folder == empty_ ? std::vector<entry>{} : real_.list(folder, limit);
  }
  [[nodiscard]] bool is_open_to_all(const fs::path& folder) const override {
    return folder != empty_ && real_.is_open_to_all(folder);
  }

private:
  [[nodiscard]] bool is_hidden(const fs::path& path) const {
    return !empty_.empty() && path != empty_ && is_below(path, empty_);
  }

  const host_files& real_;
  fs::path empty_;
};

result<located> locate(const std::string& target, const host_files& host) {
  const auto bad = [&](const std::string& why) {
    return error{ec::data_error, "a file cannot be put at '" + target + "': " + why};
  };
  const fs::path given{target};
  if (!given.is_absolute() || !given.has_filename())
    return bad("expected an absolute path of a file");
  for (const auto& part : given)
    if (part == ".." || part == ".")
      return bad("expected a path without '.' and '..'");
  located out;
  // The longest part of the way that exists, without its links; then what is missing.
  auto existing = given.parent_path();
  while (!host.resolve(existing) && existing.has_relative_path())
    existing = existing.parent_path();
  out.anchor = host.resolve(existing).value_or("/");
  if (host.kind_of(out.anchor) != host_kind::folder)
    return bad(out.anchor.string() + " is no folder on this host");
  out.path = out.anchor / given.lexically_relative(existing);
  for (const auto* kernel : {"/proc", "/sys", "/dev"})
    if (is_below(out.path, kernel))
      return bad(std::string{kernel} + " belongs to the kernel");
  if (out.path.parent_path() != out.anchor)
    return out;
  auto kind = host.kind_of(out.path);
  if (kind == host_kind::link) {
    const auto real = host.resolve(out.path);
    if (!real)
      return bad("there is a link that leads nowhere");
    out.path = *real;
    out.anchor = real->parent_path();
    kind = host.kind_of(*real);
  }
  if (kind == host_kind::folder || kind == host_kind::other)
    return bad("there is something that is no file");
  out.covers = kind == host_kind::file;
  return out;
}

class planner {
public:
  planner(const fs::path& scratch, const host_files& host, const sandbox_wishes& wishes)
      : scratch_(scratch), host_(host, wishes.own), own_(wishes.own), extra_(wishes.extra), needed_(wishes.needed) {}

  result<sandbox_plan> plan(const std::vector<std::string>& targets) {
    for (const auto& target : targets) {
      auto at = locate(target, host_);
      if (!at)
        return at.failure();
      if (own_)
        for (const auto& [from, to] : own_->kept)
          if (is_below(at->path, to))
            return error{ec::data_error, "a file cannot be put at '" + target + "': " + to.string() +
                                             " is shown to the task as the host has it"};
      if (!taken_.insert(at->path.string()).second)
        return error{ec::data_error, "two files would lie at " + at->path.string()};
      if (!at->covers)
        anchors_.insert(at->anchor);
      located_.push_back(*std::move(at));
    }
    if (own_) {
      anchors_.insert(own_->path);
      for (const auto& folder : own_->made)
        make_folder(folder);
    }
    if (targets.empty() && extra_.empty())
      mount("--dev-bind", "/", "/"); // Nothing new in the root: one mount, which costs less.
    else
      show_host();
    for (const auto& [from, to] : extra_)
      mount("--bind", from, to);
    for (const auto& x : located_)
      place(x);
    // A folder comes before what is mounted into it: sorted, it does.
    for (const auto& anchor : anchors_)
      if (const auto replaced = replace(anchor); !replaced)
        return replaced.failure();
    for (std::size_t n = 0; n < located_.size(); ++n)
      if (is_cover(located_[n]))
        mount("--bind", out_.files[n], located_[n].path);
    if (own_)
      for (const auto& [from, to] : own_->kept)
        mount("--bind", from, to);
    return std::move(out_);
  }

private:
  [[nodiscard]] fs::path inside(const fs::path& path) const { return scratch_ / path.relative_path(); }

  void mount(const char* how, const fs::path& from, const fs::path& to) {
    out_.arguments.insert(out_.arguments.end(), {how, from.string(), to.string()});
  }

  void show_host() {
    for (const auto& x : host_.list("/", most_entries_per_folder)) {
      const auto path = fs::path{"/"} / x.name;
      if (x.kind == host_kind::link)
        mount("--symlink", x.target, path);
      else
        mount("--dev-bind", path, path);
    }
  }

  /// A file of the host is covered by a mount of its own, unless its folder is replaced anyway.
  [[nodiscard]] bool is_cover(const located& x) const { return x.covers && anchors_.count(x.anchor) == 0; }

  void place(const located& x) {
    if (is_cover(x)) {
      out_.files.push_back(scratch_ / (".cover-" + std::to_string(out_.files.size())));
      return;
    }
    make_folder(x.path.parent_path());
    out_.files.push_back(inside(x.path));
  }

  /// Something is mounted below it, so a link would not do.
  [[nodiscard]] bool is_on_the_way(const fs::path& path) const {
    return std::any_of(located_.begin(), located_.end(), [&](const located& x) { return is_below(x.path, path); }) ||
           std::any_of(needed_.begin(), needed_.end(), [&](const fs::path& x) { return is_below(x, path); });
  }

  void make_folder(const fs::path& path) {
    if (!path.has_relative_path()) // The scratch folder itself.
      return;
    make_folder(path.parent_path());
    if (made_.insert(path.string()).second)
      out_.folders.push_back(inside(path));
  }

  result<void> replace(const fs::path& anchor) {
    if (anchor == "/") { // The root is new anyway: what is missing in it is mounted there.
      for (const auto& x : located_)
        if (x.anchor == anchor && !x.covers) {
          const auto top = fs::path{"/"} / *std::next(x.path.begin());
          if (mounted_tops_.insert(top.string()).second)
            mount("--bind", inside(top), top);
        }
      return {};
    }
    const auto entries = host_.list(anchor, most_entries_per_folder);
    if (entries.size() > most_entries_per_folder)
      return error{ec::data_error, "a file cannot be put into " + anchor.string() + ": that folder has more than " +
                                       std::to_string(most_entries_per_folder) +
                                       " entries, which would all have to be mounted again; choose another folder"};
    make_folder(anchor);
    const bool by_links = entries.size() > most_mounts_per_folder || host_.is_open_to_all(anchor);
    const auto aside = fs::path{"/.muster-host"} / std::to_string(asides_++);
    if (by_links)
      mount("--dev-bind", anchor, aside);
    mount("--bind", inside(anchor), anchor);
    for (const auto& x : entries) {
      const auto path = anchor / x.name;
      if (taken_.count(path.string()) != 0)
        continue; // Ours lies there.
      if (x.kind == host_kind::link)
        out_.links.emplace_back(inside(path), x.target);
      else if (by_links && !is_on_the_way(path))
        out_.links.emplace_back(inside(path), aside / x.name);
      else
        mount("--dev-bind-try", path, path);
    }
    return {};
  }

  const fs::path scratch_;
  const emptied_host host_;
  const std::optional<private_folder>& own_;
  const std::vector<std::pair<std::string, std::string>>& extra_;
  const std::vector<fs::path>& needed_;
  sandbox_plan out_;
  std::vector<located> located_;
  std::set<fs::path> anchors_;
  std::set<std::string> taken_;
  std::set<std::string> made_;
  std::set<std::string> mounted_tops_;
  std::size_t asides_ = 0;
};

} // namespace

result<sandbox_plan> plan_sandbox(const std::vector<std::string>& targets, const fs::path& scratch,
                                  const host_files& host, const sandbox_wishes& wishes) {
  return planner{scratch, host, wishes}.plan(targets);
}

} // namespace muster::process
