#pragma once

#include "executors/driver.hpp"

#include <filesystem>
#include <string>
#include <string_view>

/// How an attempt travels to another machine, and is kept there.
namespace muster::remote {

/// An attempt as compact JSON. Paths below `root`, the state directory here, are written relative to it: they lie
/// elsewhere there. Fields are only added. Fails with `invalid_argument` for texts that are not UTF-8.
[[nodiscard]] result<std::string> encode(const attempt_spec& x, const std::filesystem::path& root);

/// The inverse: relative paths are taken to be below `root`, the state directory there. A path that would lead out of
/// it is refused. Fails with `invalid_argument`, whatever the text is.
[[nodiscard]] result<attempt_spec> decode(std::string_view text, const std::filesystem::path& root);

/// What a node offers, likewise.
[[nodiscard]] std::string encode(const capabilities& x);
[[nodiscard]] result<capabilities> decode_capabilities(std::string_view text);

} // namespace muster::remote
