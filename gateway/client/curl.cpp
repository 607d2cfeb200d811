#include "gateway/client/curl.hpp"

#include <dlfcn.h>

namespace muster::client {

namespace {

/// Debian's and Ubuntu's package libcurl4, whatever TLS it is built with.
constexpr const char* file_name = "libcurl.so.4";

curl_functions load() {
  curl_functions out;
  auto* const library = ::dlopen(file_name, RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const auto* const why = ::dlerror(); // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
    out.problem = why == nullptr ? file_name : why;
    return out;
  }
  const auto take = [&](const char* name, auto& to) {
    to = reinterpret_cast<std::decay_t<decltype(to)>>(::dlsym(library, name)); // NOLINT: POSIX permits just this
    if (to == nullptr)
      out.problem = std::string(file_name) + " has no " + name;
  };
  take("curl_global_init", out.global_init);
  take("curl_slist_append", out.slist_append);
  take("curl_slist_free_all", out.slist_free_all);
  take("curl_easy_init", out.easy_init);
  take("curl_easy_cleanup", out.easy_cleanup);
  take("curl_easy_reset", out.easy_reset);
  take("curl_easy_setopt", out.easy_setopt);
  take("curl_easy_getinfo", out.easy_getinfo);
  take("curl_easy_strerror", out.easy_strerror);
  take("curl_multi_init", out.multi_init);
  take("curl_multi_cleanup", out.multi_cleanup);
  take("curl_multi_add_handle", out.multi_add_handle);
  take("curl_multi_remove_handle", out.multi_remove_handle);
  take("curl_multi_perform", out.multi_perform);
  take("curl_multi_poll", out.multi_poll);
  take("curl_multi_info_read", out.multi_info_read);
  if (out.problem.empty() && out.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    out.problem = std::string(file_name) + " cannot be set up";
  return out;
}

} // namespace

const curl_functions& curl() {
  static const auto library = load();
  return library;
}

} // namespace muster::client
