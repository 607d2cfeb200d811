#pragma once

/// Muster's C++ API: build a workflow in code, run it, look at its results. It stands alone: of its users it asks for
/// the standard library only. docs/cpp.md shows it by example.
#include "muster/api/head.hpp"
#include "muster/api/result.hpp"
#include "muster/api/runtime.hpp"
#include "muster/api/value.hpp"
#include "muster/api/workflow.hpp"
