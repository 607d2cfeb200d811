#pragma once

#include <nlohmann/json_fwd.hpp>

#include <iosfwd>

namespace muster::cli {

/// A node as the head shows it (`NodeDetail` of docs/openapi.yaml), for people: once for each pool that it is in.
void print_node(const nlohmann::ordered_json& node, std::ostream& out);

} // namespace muster::cli
