#include <openssl/err.h>
#include <openssl/ssl.h>

// CAF 0.17 asks OpenSSL what came of a call without having cleared the errors of the thread before. So a stranger whose
// handshake fails would cut off the next agent that says something: its connection is blamed for the error that was
// left. These two are found before those of the library, by CAF too, and differ in nothing but that. They belong to
// this program: whoever links libmuster keeps OpenSSL's own.

extern "C" int SSL_read(SSL* from, void* to, int most) {
  ERR_clear_error();
  std::size_t got = 0;
  return most > 0 && SSL_read_ex(from, to, static_cast<std::size_t>(most), &got) == 1 ? static_cast<int>(got) : -1;
}

extern "C" int SSL_write(SSL* to, const void* from, int most) {
  ERR_clear_error();
  std::size_t sent = 0;
  return most > 0 && SSL_write_ex(to, from, static_cast<std::size_t>(most), &sent) == 1 ? static_cast<int>(sent) : -1;
}
