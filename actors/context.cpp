#include "actors/context.hpp"

#include <exception>

namespace muster {

error unexpected(const char* actor, const std::exception_ptr& what) {
  const auto text = std::string{"bug in actor "} + actor + ": ";
  try {
    std::rethrow_exception(what);
  } catch (const std::exception& e) {
    return {ec::internal, text + e.what()};
  } catch (...) {
    return {ec::internal, text + "unknown exception"};
  }
}

} // namespace muster
