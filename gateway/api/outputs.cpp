#include "gateway/api/beneath.hpp"
#include "gateway/api/call.hpp"
#include "gateway/api/json.hpp"
#include "gateway/api/problem.hpp"
#include "gateway/api/query.hpp"
#include "gateway/api/routes.hpp"
#include "gateway/api/tar_stream.hpp"
#include "gateway/http/file_stream.hpp"
#include "gateway/http/range.hpp"
#include "gateway/http/response_head.hpp"
#include "gateway/http/target.hpp"
#include "muster/base/text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace muster::gateway {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_entries = 100'000;
constexpr std::size_t most_archives = 32; ///< At the same time.
constexpr std::int64_t second_ns = 1'000'000'000;

/// The folder of a task's output, and whose it is.
struct output_folder {
  unique_fd folder;
  std::string workflow;
  std::string task;
};

/// What the attempt that completed wrote, else what the latest one has written so far; or that of `attempt`.
result<output_folder> folder_of(call& x, std::optional<std::uint64_t> attempt) {
  const auto workflow = x.workflow();
  if (!workflow)
    return workflow.failure();
  const auto task = x.task(*workflow);
  if (!task)
    return task.failure();
  x.release();
  const auto& directory = x.with.directory;
  if (!attempt)
    if (auto published = open_folder(directory.output_link(workflow->id, task->name)))
      return output_folder{std::move(*published), workflow->id, task->name};
  if (!task->attempt || attempt.value_or(0) > task->attempt->number)
    return {ec::not_found, "task " + task->name + (attempt ? " has no such attempt" : " has written nothing yet")};
  const auto number = static_cast<std::uint32_t>(attempt.value_or(task->attempt->number));
  auto folder = open_folder(directory.output(workflow->id, task->name, number));
  if (!folder)
    return {ec::not_found, "task " + task->name + " has no output"};
  return output_folder{std::move(*folder), workflow->id, task->name};
}

result<std::optional<std::uint64_t>> attempt_of(query_reader& query) {
  return query.number("attempt", 0, std::numeric_limits<std::uint32_t>::max());
}

std::string tag_of(const opened_file& x) {
  return '"' + std::to_string(x.inode) + '-' + std::to_string(x.size) + '-' + std::to_string(x.modified_ns) + '"';
}

/// Saved, never shown: what a task wrote must not run as a page of this service.
void set_attachment(http::response& out, const std::string& name) {
  out.headers.emplace("Content-Disposition", "attachment; filename*=UTF-8''" + percent_encode(name));
  out.headers.emplace("X-Content-Type-Options", "nosniff");
  out.headers.emplace("Content-Security-Policy", "sandbox");
}

json entry_of(const unique_fd& folder, const std::string& path) {
  const auto found = open_beneath(folder, path);
  const auto kind = found ? found->kind : file_kind::other;
  auto out = json{{"path", path},
                  {"type", kind == file_kind::file     ? "file"
                           : kind == file_kind::folder ? "folder"
                                                       : "other"}};
  if (kind == file_kind::file)
    out["size"] = found->size;
  if (found)
    out["modified"] = json_of(std::optional{timestamp{std::chrono::microseconds{found->modified_ns / 1000}}});
  return out;
}

/// The entries of one folder of it, by name: `path`, `limit`, `cursor`.
result<http::response> list_outputs(call& x, places& archives) {
  query_reader query{x.request};
  const auto attempt = attempt_of(query);
  const auto path = query.text("path");
  const auto limit = query.limit();
  const auto format = query.text("format");
  if (!attempt)
    return attempt.failure();
  if (!path)
    return path.failure();
  if (!limit)
    return limit.failure();
  if (!format)
    return format.failure();
  if (*format && **format != "tar" && **format != "json")
    return {ec::invalid_argument, "format is json or tar"};
  const auto below = path->value_or("");
  const auto list = "outputs " + x.segment("id") + ' ' + x.segment("task") + ' ' + below;
  const auto first = cursor_of(query, list);
  if (!first)
    return first.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  auto from = folder_of(x, *attempt);
  if (!from)
    return from.failure();
  if (*format == "tar") {
    auto place = archives.take(share_of(x.who));
    if (!place)
      return place.failure();
    http::response out;
    out.headers.emplace("Content-Type", "application/x-tar");
    set_attachment(out, from->workflow + '-' + from->task + ".tar");
    out.stream = std::make_unique<tar_stream>(std::move(from->folder), std::move(*place));
    return out;
  }
  const auto folder = open_beneath(from->folder, below);
  if (!folder)
    return folder.failure();
  if (folder->kind != file_kind::folder)
    return {ec::not_found, below + " is no folder"};
  const auto names = names_in(*folder, most_entries);
  if (!names)
    return names.failure();
  auto items = json::array();
  auto at = static_cast<std::size_t>(std::min<std::uint64_t>(first->value_or(0), names->size()));
  for (; at < names->size() && items.size() < *limit; ++at)
    items.push_back(entry_of(from->folder, (below.empty() ? "" : below + '/') + (*names)[at]));
  auto body = json{{"items", std::move(items)}, {"next", nullptr}};
  if (at < names->size())
    body["next"] = make_cursor(list, at);
  return json_response(200, body);
}

/// Whether the client has it already (RFC 9110 section 13.2.2).
bool is_known(const http::request& asked, const std::string& tag, std::int64_t modified) {
  if (const auto tags = asked.header("If-None-Match"))
    return http::names_tag(*tags, tag, true);
  const auto since = asked.header("If-Modified-Since");
  const auto date = since ? http::parse_http_date(*since) : std::nullopt;
  return date && modified <= *date;
}

/// The range that is asked for, unless it is of a file that has changed since.
http::byte_range range_of(const http::request& asked, const opened_file& file, const std::string& tag) {
  const auto range = asked.header("Range");
  const auto of = asked.header("If-Range");
  const http::byte_range all{0, file.size, http::byte_range::kind::all};
  if (!range)
    return all;
  if (of && !(of->substr(0, 1) == "\"" ? *of == tag : *of == http::http_date(file.modified_ns / second_ns)))
    return all;
  return http::parse_range(*range, file.size);
}

result<http::response> download(call& x) {
  query_reader query{x.request};
  const auto attempt = attempt_of(query);
  if (!attempt)
    return attempt.failure();
  if (auto known = query.finish(); !known)
    return known.failure();
  const auto from = folder_of(x, *attempt);
  if (!from)
    return from.failure();
  const auto& path = x.segment("path");
  auto file = open_beneath(from->folder, path);
  if (!file)
    return file.failure();
  if (file->kind != file_kind::file)
    return {ec::not_found, path + (file->kind == file_kind::folder ? " is a folder: list it with ?path=, or ask for "
                                                                     "?format=tar of the whole output"
                                                                   : " is no file")};
  const auto tag = tag_of(*file);
  const auto modified = file->modified_ns / second_ns;
  http::response out;
  out.headers.emplace("ETag", tag);
  out.headers.emplace("Last-Modified", http::http_date(modified));
  out.headers.emplace("Accept-Ranges", "bytes");
  out.headers.emplace("Cache-Control", "private, no-cache");
  if (is_known(x.request, tag, modified)) {
    out.status = 304;
    return out;
  }
  const auto range = range_of(x.request, *file, tag);
  if (range.what == http::byte_range::kind::none) {
    auto refused = problem(x.request.id, "range_not_satisfiable",
                           "the file has " + std::to_string(file->size) + " bytes, and none in that range");
    refused.headers.emplace("Content-Range", http::content_range(range, file->size));
    return refused;
  }
  if (range.what == http::byte_range::kind::some) {
    out.status = 206;
    out.headers.emplace("Content-Range", http::content_range(range, file->size));
  }
  out.headers.emplace("Content-Type", "application/octet-stream");
  set_attachment(out, path.substr(path.rfind('/') + 1));
  if (range.size == 0)
    return out;
  out.stream_length = range.size;
  out.stream = std::make_unique<http::file_stream>(file->fd.release(), range.first, range.size);
  return out;
}

} // namespace

void add_output_routes(http::router& to, const std::shared_ptr<services>& with) {
  const auto archives = std::make_shared<places>(places::quarter_of(most_archives), "archives are being sent");
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/outputs"},
            [archives](call& x) { return list_outputs(x, *archives); });
  add_route(to, with, {"GET", "/v1/workflows/{id}/tasks/{task}/outputs/{path*}"}, download);
}

} // namespace muster::gateway
