#pragma once

#include "muster/base/result.hpp"

#include <string>

namespace muster::store {

/// A store in which nothing is stored, as the bytes of its file, for `writer::open`. Takes some milliseconds, without
/// touching a file: who knows early that there is no store yet can have it made beside something else.
[[nodiscard]] result<std::string> make_empty_store();

} // namespace muster::store
