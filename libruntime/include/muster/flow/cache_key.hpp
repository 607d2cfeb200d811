#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a task that is marked `cache` is known by: if all of that is the same as of an earlier one, so is what it
/// gives.
namespace muster::flow {

/// One thing that a task depends on.
struct cache_part {
  std::string name;  ///< `args`, `environment X`, `input data`, `result split`.
  std::string value; ///< Its text; of data its digest.
  /// Of data: names of files and what stands for their mode and content; not all of them where there are many.
  std::vector<std::pair<std::string, std::string>> files{};
};

using cache_parts = std::vector<cache_part>;

/// SHA-256 of names and values, 64 hex digits.
[[nodiscard]] std::string cache_key(const cache_parts& x);

/// As JSON, to be kept with the key for `differences`; texts that are long are cut, so that it stays below 64 KiB.
[[nodiscard]] std::string encode_parts(const cache_parts& x);

/// What is different between an earlier task's parts, as `encode_parts` made them, and `now`, for people: `args: ["1"]
/// -> ["2"]`, `input data: file a.csv changed`. Empty if nothing is, or if `before` is damaged.
[[nodiscard]] std::vector<std::string> part_differences(std::string_view before, const cache_parts& now);

} // namespace muster::flow
