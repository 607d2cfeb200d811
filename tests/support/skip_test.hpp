#pragma once

#include <string>

namespace muster::test {

/// Marks the running test as skipped for ctest, whatever it checks besides: so it returns at once.
///
///     if (!can_mount())
///       return skip_test("this user may not mount a file system");
void skip_test(const std::string& why);

} // namespace muster::test
