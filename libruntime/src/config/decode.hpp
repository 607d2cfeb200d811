#pragma once

#include "muster/config/file.hpp"
#include "spec/decode.hpp"

#include <filesystem>
#include <map>
#include <string>

/// The parts of the configuration file. Each reads one key at the top and reports what is wrong with it; relative paths
/// count from `base`.
namespace muster::config {

void decode_pools(const spec::value_reader& in, const std::filesystem::path& base, spec::value_at x,
                  const spec::field_path& path, std::map<std::string, pool_settings>& out);

/// Of one pool.
void decode_policy(const spec::value_reader& in, const std::filesystem::path& base, spec::value_at x,
                   const spec::field_path& path, pool_policy& out);

/// The names of the keys that `decode_service` reads.
[[nodiscard]] const std::vector<std::string_view>& service_keys();
/// Reads those keys of `top`, the whole file; others are not looked at.
void decode_service(const spec::value_reader& in, const std::filesystem::path& base, spec::value_at top,
                    service_settings& out);

void decode_contexts(const spec::value_reader& in, const std::filesystem::path& base, spec::value_at x,
                     const spec::field_path& path, std::map<std::string, context_settings>& out);

} // namespace muster::config
