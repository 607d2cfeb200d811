#include "gateway/webhooks/signature.hpp"
#include "gateway/webhooks/target.hpp"
#include "support/catch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

using namespace muster;
using namespace muster::gateway;

namespace {

bool may(const std::string& text, bool allow_private) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &four.sin_addr) == 1)
    return may_deliver_to(reinterpret_cast<const sockaddr*>(&four), allow_private);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  REQUIRE(::inet_pton(AF_INET6, text.c_str(), &six.sin6_addr) == 1);
  return may_deliver_to(reinterpret_cast<const sockaddr*>(&six), allow_private);
}

} // namespace

TEST_CASE("webhooks reach the world, private networks if that is allowed, and metadata never") {
  for (const char* x : {"1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101",
                        "::ffff:8.8.8.8"}) {
    INFO(x);
    CHECK(may(x, false));
    CHECK(may(x, true));
  }
  for (const char* x : {"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
                        "100.64.0.1", "198.18.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
                        "64:ff9b::a00:1", "fd20:ce1::1", "2002:7f00:1::", "::7f00:1", "2001:db8::1", "2001::1"}) {
    INFO(x);
    CHECK_FALSE(may(x, false));
    CHECK(may(x, true));
  }
  for (const char* x : {"169.254.169.254",
                        "169.254.0.1",
                        "0.0.0.0",
                        "224.0.0.1",
                        "255.255.255.255",
                        "240.0.0.1",
                        "100.100.100.200",
                        "192.0.0.192",
                        "168.63.129.16",
                        "fe80::1",
                        "ff02::1",
                        "::",
                        "fd00:ec2::254",
                        "fd00:ec2::23",
                        "fd20:ce::254",
                        "fd00:42::42",
                        "::ffff:169.254.169.254",
                        "64:ff9b::a9fe:a9fe",
                        "2002:a9fe:a9fe::",
                        "4000::1"}) {
    INFO(x);
    CHECK_FALSE(may(x, false));
    CHECK_FALSE(may(x, true));
  }
  sockaddr_storage other{};
  other.ss_family = AF_UNIX;
  CHECK_FALSE(may_deliver_to(reinterpret_cast<const sockaddr*>(&other), true));
}

TEST_CASE("the URL of a webhook is one that can be called") {
  for (const char* x : {"https://example.org/hook", "http://example.org:8080/a?b=c", "https://1.1.1.1/",
                        "https://[2606:4700::1111]/x"}) {
    INFO(x);
    CHECK(check_webhook_url(x, false));
  }
  for (const char* x : {"",
                        "example.org",
                        "ftp://example.org/",
                        "file:///etc/passwd",
                        "gopher://example.org/",
                        "https://user@example.org/",
                        "https://u:p@example.org/",
                        "https://example.org/#x",
                        "http://",
                        "https:/example.org/hook",
                        "http:/example.org/hook",
                        "https:example.org/hook",
                        "https://example.org/a b",
                        "https://example.org/\n",
                        "http://127.0.0.1/",
                        "http://[::1]/",
                        "http://169.254.169.254/latest/meta-data",
                        "http://10.0.0.1",
                        "http://0x7f.1/",
                        "http://2130706433/",
                        "http://017700000001/",
                        "https://ex\xc3\xa4mple.org/"}) {
    INFO(x);
    CHECK_FALSE(check_webhook_url(x, false));
  }
  CHECK_FALSE(check_webhook_url("https://example.org/" + std::string(2048, 'x'), false));
  CHECK(check_webhook_url("http://127.0.0.1:8080/", true));
  CHECK_FALSE(check_webhook_url("http://169.254.169.254/", true));
}

TEST_CASE("signatures are those of the Standard Webhooks scheme") {
  const auto known = sign_webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                  "{\"test\": 2432232314}");
  REQUIRE(known);
  CHECK(*known == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  const auto padded = sign_webhook("whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWo=", "a", 1, "b");
  REQUIRE(padded);
  CHECK(*padded == "v1,7vAgqphGCND1aBU6CkNkONw9TzBjgYTw9789Nzny3Hw=");
  for (const char* secret : {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?"})
    CHECK_FALSE(sign_webhook(secret, "a", 1, "b"));
  const auto first = make_webhook_secret();
  const auto second = make_webhook_secret();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  CHECK(sign_webhook(*first, "a", 1, "b"));
  CHECK(first->size() > 40);
}
