#pragma once

#include "muster/base/result.hpp"
#include "muster/store/layout.hpp"

#include <string>

namespace muster::store {

/// Who this state directory is to a container engine: 12 hex digits, made at random by the first run and kept in the
/// file `head-id`. Containers and networks carry it, so that only what is this head's own is ever removed. The
/// directory must exist. Of several processes that ask first at the same time all get the same. Fails with `io_error`,
/// and with `store_corrupt` if the file holds something else.
[[nodiscard]] result<std::string> head_id(const state_directory& directory);

} // namespace muster::store
