#include "gateway/http/request_reader.hpp"

#include "gateway/http/target.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

namespace muster::http {
namespace {

namespace beast = boost::beast;

std::string text_of(beast::string_view x) {
  return {x.data(), x.size()};
}

bool same(std::string_view a, std::string_view b) noexcept {
  return !header_less{}(a, b) && !header_less{}(b, a);
}

refusal body_too_large(const server_limits& limits) {
  return {413, "payload_too_large",
          "the body of the request is larger than " + std::to_string(limits.body_bytes) + " bytes"};
}

} // namespace

class request_reader::impl {
public:
  explicit impl(const server_limits& limits) : limits_(limits) {
    parser_.header_limit(std::numeric_limits<std::uint32_t>::max()); // take_head has its own.
    parser_.body_limit(limits.body_bytes);
    parser_.eager(false);
  }

  std::optional<refusal> take_head(std::string_view& input) {
    const auto end = scanner_.scan(input);
    if (scanner_.problem())
      return scanner_.problem();
    if (!end && input.size() < limits_.header_bytes)
      return std::nullopt;
    if (!end || *end > limits_.header_bytes)
      return refusal{431, "header_too_large",
                     "the head of the request is larger than " + std::to_string(limits_.header_bytes) + " bytes"};
    const auto head = input.substr(0, *end);
    if (auto problem = check_head(head, limits_.target_bytes))
      return problem;
    beast::error_code error;
    parser_.put(boost::asio::const_buffer(head.data(), head.size()), error);
    if (error == beast::http::error::body_limit)
      return body_too_large(limits_);
    if (error || !parser_.is_header_done())
      return refusal{400, "bad_request", "the head of the request is malformed: " + error.message()};
    input.remove_prefix(*end);
    parser_.eager(true);
    return fill();
  }

  std::optional<refusal> take_body(std::string_view& input) {
    // Whatever is left of a body in chunks has five bytes at least, `0 CR LF CR LF`. Beast 1.74 relies on that when it
    // looks at its end for the second time: it would end the process (an assertion) for `0 CR LF` and then CR.
    const std::size_t least = parser_.chunked() ? 5 : 1;
    while (!parser_.is_done() && input.size() >= least) {
      beast::error_code error;
      const auto taken = parser_.put(boost::asio::const_buffer(input.data(), input.size()), error);
      input.remove_prefix(taken);
      if (error == beast::http::error::body_limit || error == beast::http::error::buffer_overflow)
        return body_too_large(limits_);
      if (error && error != beast::http::error::need_more)
        return refusal{400, "bad_request", "the body of the request is malformed: " + error.message()};
      if (taken == 0) { // The line of a chunk, or a trailer, is not whole yet.
        if (input.size() >= limits_.header_bytes)
          return refusal{400, "bad_request", "the line of a chunk of the body does not end"};
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] bool is_header_done() const { return parser_.is_header_done(); }
  [[nodiscard]] bool is_done() const { return parser_.is_done(); }
  [[nodiscard]] bool keep_alive() const { return parser_.keep_alive(); }
  [[nodiscard]] bool is_1_1() const { return parser_.get().version() == 11; }
  [[nodiscard]] std::size_t body_size() const { return parser_.get().body().size(); }
  void finish() { taken_.body = std::move(parser_.get().body()); }

  request taken_;
  bool wants_continue_ = false;

private:
  std::optional<refusal> fill() {
    const auto& head = parser_.get();
    auto parsed = parse_target({head.target().data(), head.target().size()});
    if (!parsed)
      return refusal{400, "bad_request", parsed.failure().message};
    taken_.method = text_of(head.method_string());
    taken_.path = std::move(parsed->path);
    taken_.parts = std::move(parsed->parts);
    taken_.query = std::move(parsed->query);
    for (const auto& field : head)
      taken_.headers.emplace(text_of(field.name_string()), text_of(field.value()));
    if (!parsed->authority.empty()) { // RFC 9112 section 3.2.2: it stands for the header.
      taken_.headers.erase("Host");
      taken_.headers.emplace("Host", std::move(parsed->authority));
    }
    return check();
  }

  std::optional<refusal> check() {
    if (taken_.method == "CONNECT")
      return refusal{501, "not_implemented", "this is no proxy"};
    if (taken_.path == "*" && taken_.method != "OPTIONS")
      return refusal{400, "bad_request", "the target * is for OPTIONS alone"};
    if (const auto expected = taken_.header("Expect")) {
      if (!same(*expected, "100-continue"))
        return refusal{417, "expectation_failed", "the only expectation that can be met is 100-continue"};
      wants_continue_ = is_1_1();
    }
    return std::nullopt;
  }

  const server_limits& limits_;
  head_scanner scanner_;
  beast::http::request_parser<beast::http::string_body> parser_;
};

request_reader::request_reader(const server_limits& limits) : impl_(std::make_unique<impl>(limits)) {}
request_reader::~request_reader() = default;
std::optional<refusal> request_reader::take_head(std::string_view& input) {
  return impl_->take_head(input);
}
bool request_reader::has_head() const noexcept {
  return impl_->is_header_done();
}
std::optional<refusal> request_reader::take_body(std::string_view& input) {
  return impl_->take_body(input);
}
bool request_reader::is_whole() const noexcept {
  return impl_->is_done();
}
std::size_t request_reader::body_size() const noexcept {
  return impl_->body_size();
}
bool request_reader::wants_continue() const noexcept {
  return impl_->wants_continue_;
}
bool request_reader::keeps_alive() const noexcept {
  return impl_->keep_alive();
}
bool request_reader::is_1_1() const noexcept {
  return impl_->is_1_1();
}
request& request_reader::taken() noexcept {
  return impl_->taken_;
}
void request_reader::finish() {
  impl_->finish();
}

} // namespace muster::http
