#include "executors/curl/curl_library.hpp"

#include <dlfcn.h>

namespace muster {

namespace {

/// Debian's and Ubuntu's package libcurl4, whatever TLS it is built with.
constexpr const char* file_name = "libcurl.so.4";

template <class Function>
void find(void* library, const char* name, Function& to, std::string& problem) {
  to = reinterpret_cast<Function>(::dlsym(library, name)); // NOLINT: POSIX permits just this
  if (to == nullptr)
    problem = std::string(file_name) + " has no " + name;
}

curl_library load() {
  curl_library out;
  auto* const library = ::dlopen(file_name, RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const auto* const why = ::dlerror(); // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
    out.problem = why == nullptr ? file_name : why;
    return out;
  }
  const auto take = [&](const char* name, auto& to) { find(library, name, to, out.problem); };
  take("curl_global_init", out.global_init);
  take("curl_free", out.free);
  take("curl_url", out.url);
  take("curl_url_cleanup", out.url_cleanup);
  take("curl_url_get", out.url_get);
  take("curl_url_set", out.url_set);
  take("curl_slist_append", out.slist_append);
  take("curl_slist_free_all", out.slist_free_all);
  take("curl_easy_init", out.easy_init);
  take("curl_easy_cleanup", out.easy_cleanup);
  take("curl_easy_reset", out.easy_reset);
  take("curl_easy_setopt", out.easy_setopt);
  take("curl_easy_getinfo", out.easy_getinfo);
  take("curl_easy_pause", out.easy_pause);
  take("curl_easy_strerror", out.easy_strerror);
  take("curl_multi_init", out.multi_init);
  take("curl_multi_cleanup", out.multi_cleanup);
  take("curl_multi_setopt", out.multi_setopt);
  take("curl_multi_assign", out.multi_assign);
  take("curl_multi_add_handle", out.multi_add_handle);
  take("curl_multi_remove_handle", out.multi_remove_handle);
  take("curl_multi_socket_action", out.multi_socket_action);
  take("curl_multi_perform", out.multi_perform);
  take("curl_multi_poll", out.multi_poll);
  take("curl_multi_wakeup", out.multi_wakeup);
  take("curl_multi_info_read", out.multi_info_read);
  if (out.problem.empty() && out.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    out.problem = std::string(file_name) + " cannot be set up";
  return out;
}

} // namespace

const curl_library& curl() {
  static const auto library = load();
  return library;
}

} // namespace muster
