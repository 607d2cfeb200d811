#pragma once

#include "executors/driver.hpp"

#include <map>
#include <string>

/// What runs tasks on a node, as labels of it: so placement finds the nodes that have what a task asks for.
namespace muster {

/// Those of a node, in place of what it says itself.
void add_driver_labels(const capabilities& offered, std::map<std::string, std::string>& to);

/// That a task must find, if it asks for a driver.
void ask_for_driver(const std::string& driver, bool with_gpus, std::map<std::string, std::string>& to);

} // namespace muster
