# How every target of Muster is compiled: warnings are errors, sanitizers by preset.
find_package(Threads REQUIRED)

find_program(MUSTER_CCACHE ccache)
if(MUSTER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers need the sloppiness; base_dir makes a second checkout hit.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${MUSTER_CCACHE})
endif()

add_library(muster_options INTERFACE)
target_compile_features(muster_options INTERFACE cxx_std_17)
target_compile_options(muster_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror)
target_link_libraries(muster_options INTERFACE Threads::Threads)
if(MUSTER_CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(muster_options INTERFACE -fpch-preprocess)
endif()
if(MUSTER_SANITIZE)
  target_compile_options(muster_options INTERFACE -fsanitize=${MUSTER_SANITIZE} -fno-omit-frame-pointer
                                                  -fno-sanitize-recover=all)
  target_link_options(muster_options INTERFACE -fsanitize=${MUSTER_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's flow analysis is misled by the instrumented code of libstdc++'s own headers.
    target_compile_options(muster_options INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(MUSTER_SANITIZE MATCHES "undefined")
    # CAF's and libstdc++'s headers form null references that are never read.
    target_compile_options(muster_options INTERFACE -fno-sanitize=null,vptr)
  endif()
endif()

# What our programs take their memory from (docs/decisions/libraries.md); sanitizers bring their own allocator.
add_library(muster_allocator INTERFACE)
if(NOT MUSTER_SANITIZE)
  find_package(Tcmalloc REQUIRED)
  target_link_libraries(muster_allocator INTERFACE Tcmalloc::minimal)
endif()

# muster_library(NAME [FOLDER...]): a static library of the calling folder's sources, without those of these subfolders.
function(muster_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder IN LISTS ARGN)
    list(FILTER sources EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${folder}/")
  endforeach()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC muster_options)
  if(BUILD_SHARED_LIBS) # libmuster is made of these.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
endfunction()

# muster_embed(PROGRAM LIBRARY SOURCE MACRO): a source of the library takes in the bytes of a program; MACRO is its path.
function(muster_embed program library source macro)
  set(folder ${CMAKE_BINARY_DIR}/embedded)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${folder})
  add_dependencies(${library} ${program})
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${folder}/${program}
                                                   COMPILE_DEFINITIONS ${macro}="${folder}/${program}")
endfunction()
