#pragma once

#include "executors/data/content.hpp"
#include "executors/driver.hpp"
#include "muster/base/result.hpp"
#include "muster/flow/cache_key.hpp"

#include <string>

namespace muster {

/// What a task that is about to be run depends on. With `key`, a text whose tokens are not replaced yet: that text,
/// the image and the command line. Else all that the task can see of its own: its command line, image, files,
/// environment, the results it is given and the content of its inputs, which is read now. Fails with what the reading
/// failed with.
[[nodiscard]] result<flow::cache_parts> parts_of(const attempt_spec& x, const std::string& key,
                                                 data::content_reader& reader);

} // namespace muster
