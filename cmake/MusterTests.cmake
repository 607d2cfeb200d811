# Seconds after which a test is taken for one that hangs. Those of a quarter of a minute have taken two on hosts that are shared.
set(muster_test_timeout 900)

# muster_test(NAME LABEL LIBRARIES...): one test program of the calling folder's sources, each of its cases a ctest test. One that lacks
# something prints the reason (support/skip_test.hpp) and counts as skipped.
function(muster_test name label)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE muster_test_support ${ARGN})
  target_precompile_headers(${name} REUSE_FROM muster_test_support)
  catch_discover_tests(${name} TEST_PREFIX "${label}/" PROPERTIES LABELS ${label} TIMEOUT ${muster_test_timeout}
    SKIP_REGULAR_EXPRESSION "MUSTER-TEST-SKIPPED:")
endfunction()

# muster_docker_test(NAME LIBRARIES...): the same for tests against a real Docker daemon, labelled `docker`. One at a time, with the daemon of
# tests/docker there; a case that finds none prints the reason and counts as skipped.
function(muster_docker_test name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE muster_test_support ${ARGN})
  target_precompile_headers(${name} REUSE_FROM muster_test_support)
  catch_discover_tests(${name} TEST_PREFIX "docker/" PROPERTIES
    LABELS docker TIMEOUT ${muster_test_timeout} FIXTURES_REQUIRED docker_daemon RESOURCE_LOCK docker_daemon
    SKIP_REGULAR_EXPRESSION "MUSTER-TEST-SKIPPED:")
endfunction()
