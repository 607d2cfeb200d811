#pragma once

#include "muster/api/result.hpp"
#include "muster/api/value.hpp"

#include "muster/store/reader.hpp"

#include <string>

/// Results of steps, from what is recorded of their tasks.
namespace muster::api {

/// That of the step at `path`, or of the whole workflow if that is empty; see `run::result`.
[[nodiscard]] result<value> read_result(store::reader& reader, const store::workflow_record& workflow,
                                        const std::string& path);

} // namespace muster::api
