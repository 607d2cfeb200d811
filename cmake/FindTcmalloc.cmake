# Finds tcmalloc of gperftools as Debian and Ubuntu package it, without its profilers. Defines Tcmalloc::minimal.
find_path(Tcmalloc_INCLUDE_DIR gperftools/malloc_extension_c.h)
find_library(Tcmalloc_LIBRARY tcmalloc_minimal)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Tcmalloc REQUIRED_VARS Tcmalloc_LIBRARY Tcmalloc_INCLUDE_DIR)

if(Tcmalloc_FOUND AND NOT TARGET Tcmalloc::minimal)
  add_library(Tcmalloc::minimal UNKNOWN IMPORTED)
  set_target_properties(Tcmalloc::minimal PROPERTIES
    IMPORTED_LOCATION ${Tcmalloc_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${Tcmalloc_INCLUDE_DIR})
endif()
mark_as_advanced(Tcmalloc_INCLUDE_DIR Tcmalloc_LIBRARY)
