#pragma once

#include "muster/base/result.hpp"
#include "muster/spec/flow.hpp"

#include <vector>

namespace muster::flow {

/// What `how` makes of the results of a `foreach`, in the order of its items; null for elements without one. Not for
/// `collect`. Of no values `sum` is 0 and the others are null. Fails with `ec::invalid_argument` on what cannot be
/// added or compared, saying which element it was.
[[nodiscard]] result<spec::template_value> reduce(const spec::reduce& how,
                                                  const spec::template_value::list_type& results);

} // namespace muster::flow
