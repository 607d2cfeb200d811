#include "muster/flow/cache_key.hpp"

#include "muster/base/sha256.hpp"

#include <nlohmann/json.hpp>

#include <map>

namespace muster::flow {

namespace {

using nlohmann::json;

constexpr std::size_t longest_text = 400;
constexpr std::size_t most_bytes = std::size_t{64} << 10U;

std::string cut(const std::string& x) {
  if (x.size() <= longest_text)
    return x;
  auto end = longest_text;
  while (end > 0 && (static_cast<unsigned char>(x[end]) & 0xC0U) == 0x80U)
    --end;
  return x.substr(0, end) + "...";
}

std::string dump(const json& x) {
  return x.dump(-1, ' ', false, json::error_handler_t::replace);
}

json encode(const cache_parts& x, bool with_files) {
  auto out = json::array();
  for (const auto& part : x) {
    json one{{"name", part.name}, {"value", cut(part.value)}};
    if (part.value.size() > longest_text)
      one["digest"] = sha256_of(part.value);
    if (with_files && !part.files.empty()) {
      auto files = json::array();
      for (const auto& [name, digest] : part.files)
        files.push_back({name, digest});
      one["files"] = std::move(files);
    }
    out.push_back(std::move(one));
  }
  return out;
}

/// An earlier part, as it was kept.
struct kept_part {
  std::string value;
  std::string digest; ///< Of the whole value, where it was cut.
  std::map<std::string, std::string> files;
};

std::map<std::string, kept_part> decode(std::string_view text) {
  std::map<std::string, kept_part> out;
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_array())
    return out;
  for (const auto& x : all) {
    if (!x.is_object())
      continue;
    kept_part part;
    part.value = x.value("value", "");
    part.digest = x.value("digest", "");
    if (const auto files = x.find("files"); files != x.end() && files->is_array())
      for (const auto& file : *files)
        if (file.is_array() && file.size() == 2 && file[0].is_string() && file[1].is_string())
          part.files.emplace(file[0].get<std::string>(), file[1].get<std::string>());
    out.emplace(x.value("name", ""), std::move(part));
  }
  return out;
}

bool is_same(const kept_part& before, const cache_part& now) {
  // What could not be kept as it was, bytes that are no UTF-8, is never the same; the key has decided before.
  return before.digest.empty() ? before.value == now.value : before.digest == sha256_of(now.value);
}

/// The first file that is different, and how.
std::string file_difference(const kept_part& before, const cache_part& now) {
  if (before.files.empty() && now.files.empty())
    return now.name + ": its content changed";
  std::map<std::string, std::string> files(now.files.begin(), now.files.end());
  for (const auto& [name, digest] : files) {
    const auto old = before.files.find(name);
    if (old == before.files.end())
      return now.name + ": file " + name + " is new";
    if (old->second != digest)
      return now.name + ": file " + name + " changed";
  }
  for (const auto& [name, digest] : before.files)
    if (files.count(name) == 0)
      return now.name + ": file " + name + " is not there any more";
  return now.name + ": its content changed";
}

bool is_data(const cache_part& x) {
  return x.name.compare(0, 6, "input ") == 0;
}

} // namespace

std::string cache_key(const cache_parts& x) {
  sha256 all;
  for (const auto& part : x) {
    all.add_field(part.name);
    all.add_field(part.value);
  }
  return all.hex();
}

std::string encode_parts(const cache_parts& x) {
  auto text = dump(encode(x, true));
  if (text.size() > most_bytes)
    text = dump(encode(x, false));
  if (text.size() <= most_bytes)
    return text;
  cache_parts few;
  for (const auto& part : x)
    if (few.size() < most_bytes / (4 * longest_text))
      few.push_back(part);
  return dump(encode(few, false));
}

std::vector<std::string> part_differences(std::string_view before, const cache_parts& now) {
  std::vector<std::string> out;
  auto old = decode(before);
  if (old.empty())
    return out;
  for (const auto& part : now) {
    const auto found = old.find(part.name);
    if (found == old.end())
      out.push_back(part.name + " is new");
    else if (!is_same(found->second, part))
      out.push_back(is_data(part) ? file_difference(found->second, part)
                                  : part.name + ": " + found->second.value + " -> " + cut(part.value));
    if (found != old.end())
      old.erase(found);
  }
  for (const auto& [name, part] : old)
    out.push_back(name + " is not there any more");
  return out;
}

} // namespace muster::flow
