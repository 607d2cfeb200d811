#pragma once

// What a shared libmuster shows to the outside.
#define MUSTER_API __attribute__((visibility("default")))

// The names of the API are `muster::workflow` and so on. Within Muster itself, where other layers have names in
// `muster` as well, they are `muster::api::workflow`; to the linker they are that anyway.
#ifdef MUSTER_WITHIN
#define MUSTER_API_BEGIN                                                                                               \
  namespace muster {                                                                                                   \
  namespace api {
#else
#define MUSTER_API_BEGIN                                                                                               \
  namespace muster {                                                                                                   \
  inline namespace api {
#endif
#define MUSTER_API_END                                                                                                 \
  }                                                                                                                    \
  }
