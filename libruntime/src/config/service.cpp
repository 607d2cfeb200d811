#include "muster/config/service.hpp"

#include "config/in_quotes.hpp"
#include "config/setting_visitor.hpp"
#include "muster/base/ipv4.hpp"
#include "muster/spec/duration.hpp"
#include "muster/spec/quantity.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

namespace muster::config {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const setting_visitor::choices level_choices = {{"debug", static_cast<std::uint8_t>(log::level::debug)},
                                                {"info", static_cast<std::uint8_t>(log::level::info)},
                                                {"warn", static_cast<std::uint8_t>(log::level::warn)},
                                                {"error", static_cast<std::uint8_t>(log::level::error)},
                                                {"off", static_cast<std::uint8_t>(log::level::off)}};

std::string check_listen(const std::string& text) {
  const auto read = parse_listen(text);
  return read ? std::string{} : read.failure().message;
}

std::string check_listen_or_off(const std::string& text) {
  return text == "off" ? std::string{} : check_listen(text);
}

std::string not_empty(const std::string& text) {
  return text.empty() ? "expected a name" : std::string{};
}

void visit_limits(setting_visitor& v, server_limits& x) {
  constexpr std::int64_t kilobyte = 1024;
  v.number("threads", x.threads, 1, 64);
  v.number("workers", x.workers, 1, 256);
  v.number("queue", x.queue, 1, 65'536);
  v.number("connections", x.connections, 1, 1'000'000);
  v.number("connections_per_peer", x.connections_per_peer, 1, 1'000'000);
  v.bytes("header_bytes", x.header_bytes, kilobyte);
  v.bytes("body_bytes", x.body_bytes, kilobyte);
  v.bytes("body_bytes_total", x.body_bytes_total, kilobyte);
  v.bytes("answer_bytes_total", x.answer_bytes_total, kilobyte);
  v.span("header_timeout", x.header_timeout, milliseconds{10});
  v.span("body_timeout", x.body_timeout, milliseconds{10});
  v.span("idle_timeout", x.idle_timeout, milliseconds{10});
  v.span("write_timeout", x.write_timeout, milliseconds{10});
}

void visit_server(setting_visitor& v, server_settings& x) {
  v.text("listen", x.listen, check_listen);
  v.certificate("tls", x.tls);
  v.one_of(
      "auth", x.auth,
      {{"tokens", static_cast<std::uint8_t>(auth_mode::tokens)}, {"none", static_cast<std::uint8_t>(auth_mode::none)}});
  v.texts("allowed_hosts", x.allowed_hosts);
  v.boolean("public_metrics", x.public_metrics);
  v.span("drain", x.drain, duration{});
  v.section("limits", [&] { visit_limits(v, x.limits); });
}

void visit_retention(setting_visitor& v, retention_settings& x) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  v.section("workflows", [&] {
    v.span("age", x.workflows.age, duration{});
    v.number("count", x.workflows.count, 0, most);
    v.bytes("bytes", x.workflows.bytes, 0);
  });
  v.section("events", [&] {
    v.span("age", x.events.age, duration{});
    v.number("count", x.events.count, 0, most);
  });
  v.section("audit", [&] { v.span("age", x.audit.age, duration{}); });
  v.span("interval", x.interval, seconds{1});
}

void visit_log(setting_visitor& v, log_settings& x) {
  constexpr std::int64_t smallest_file = 4096;
  v.one_of("level", x.level, level_choices);
  v.one_of("format", x.format,
           {{"logfmt", static_cast<std::uint8_t>(log_format::logfmt)},
            {"json", static_cast<std::uint8_t>(log_format::json)}});
  v.file("file", x.file);
  v.bytes("max_size", x.max_size, smallest_file);
  v.number("files", x.files, 0, 1000);
  v.levels("levels", x.levels);
}

void visit_defaults(setting_visitor& v, run_defaults& x) {
  v.text("pool", x.pool, not_empty);
  v.span("exec_timeout", x.exec_timeout, duration{});
  v.span("queue_timeout", x.queue_timeout, duration{});
  v.span("start_timeout", x.start_timeout, duration{});
  v.span("stop_grace", x.stop_grace, duration{});
  v.number("max_retries", x.max_retries, 0, 1000);
  v.number("max_parallel", x.max_parallel, 0, 1'000'000);
  v.real("oversubscribe", x.oversubscribe, 0.01, 10'000.0);
  v.boolean("enforce_limits", x.enforce_limits);
  v.number("threads", x.threads, 1, 256);
}

std::string real_text(double x) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.10g", x);
  std::string out = text.data();
  return out.find_first_of(".e") == std::string::npos ? out + ".0" : out;
}

/// Prints every key with its value.
class yaml_writer final : public setting_visitor {
public:
  void section(std::string_view name, const std::function<void()>& members) override {
    line(name, {});
    depth_ += 2;
    path_.emplace_back(name);
    members();
    path_.pop_back();
    depth_ -= 2;
  }
  void text(std::string_view name, std::string& x, const text_check&) override { line(name, in_quotes(x)); }
  void file(std::string_view name, std::filesystem::path& x) override { line(name, in_quotes(x.string())); }
  void boolean(std::string_view name, bool& x) override { line(name, x ? "true" : "false"); }
  void integer(std::string_view name, std::int64_t& x, std::int64_t, std::int64_t) override {
    line(name, std::to_string(x));
  }
  void real(std::string_view name, double& x, double, double) override { line(name, real_text(x)); }
  void bytes(std::string_view name, std::int64_t& x, std::int64_t) override {
    line(name, x == 0 ? "0" : spec::bytes_text(x));
  }
  void span(std::string_view name, duration& x, duration) override { line(name, spec::to_string(x)); }
  void choice(std::string_view name, std::uint8_t& x, const choices& of) override {
    for (const auto& [word, number] : of)
      if (number == x)
        line(name, word == "off" ? "\"off\"" : std::string{word});
  }
  void texts(std::string_view name, std::vector<std::string>& x) override {
    std::string all;
    for (const auto& one : x)
      all += (all.empty() ? "" : ", ") + in_quotes(one);
    line(name, '[' + all + ']');
  }
  void certificate(std::string_view name, std::optional<certificate_settings>& x) override {
    line(name, x ? "{cert: " + in_quotes(x->cert.string()) + ", key: " + in_quotes(x->key.string()) + '}' : "null");
  }
  void levels(std::string_view name, std::map<std::string, log::level>& x) override {
    std::string all;
    for (const auto& [component, level] : x)
      all += (all.empty() ? "" : ", ") + component + ": \"" + std::string{to_string(level)} + '"';
    line(name, '{' + all + '}');
  }

  std::string out;
  std::map<std::string, std::string> values; ///< By path.

private:
  void line(std::string_view name, const std::string& value) {
    out += std::string(depth_, ' ') + std::string{name} + ':' + (value.empty() ? "" : ' ' + value) + '\n';
    std::string path;
    for (const auto& part : path_)
      path += part + '.';
    values[path + std::string{name}] = value;
  }

  std::size_t depth_ = 0;
  std::vector<std::string> path_;
};

} // namespace

void visit(setting_visitor& v, service_settings& x) {
  v.file("state_dir", x.state_dir);
  v.section("server", [&] { visit_server(v, x.server); });
  v.section("events", [&] {
    v.bytes("ring", x.events.ring, std::int64_t{64} << 10U);
    v.span("bookmark", x.events.bookmark, milliseconds{100});
  });
  v.section("retention", [&] { visit_retention(v, x.retention); });
  v.section("admission", [&] { v.bytes("min_free", x.admission.min_free, 0); });
  v.section("log", [&] { visit_log(v, x.log); });
  v.section("webhooks", [&] {
    v.boolean("allow_private", x.webhooks.allow_private);
    v.number("most", x.webhooks.most, 0, 10'000);
    v.number("attempts", x.webhooks.attempts, 1, 1000);
    v.span("timeout", x.webhooks.timeout, milliseconds{100});
  });
  v.section("monitors", [&] { v.text("listen", x.monitors.listen, check_listen_or_off); });
  v.section("agents", [&] {
    v.text("listen", x.agents.listen, check_listen_or_off);
    v.file("certs", x.agents.certs);
  });
  v.section("defaults", [&] { visit_defaults(v, x.defaults); });
}

bool listen_address::is_loopback() const {
  if (address == "::1")
    return true;
  const auto v4 = parse_ipv4(address);
  return v4 && (*v4 >> 24U) == 127U;
}

result<listen_address> parse_listen(const std::string& text) {
  const auto refuse = [&text](const std::string& why) {
    return result<listen_address>{ec::invalid_argument, "'" + text.substr(0, 80) + "' is no address to listen at: " +
                                                            why + "; write it as 127.0.0.1:7717 or [::1]:7717"};
  };
  const auto colon = text.rfind(':');
  if (colon == std::string::npos)
    return refuse("the port is missing");
  const auto port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoul(port) > 65'535)
    return refuse("the port is no number up to 65535");
  auto address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
    if (address.find(':') == std::string::npos ||
        address.find_first_not_of("0123456789abcdefABCDEF:.") < address.size())
      return refuse("what is in brackets is no IPv6 address");
  } else if (!parse_ipv4(address)) {
    return refuse(address == "localhost" ? "it takes addresses, not names" : "what is before the port is no address");
  }
  return listen_address{std::move(address), static_cast<std::uint16_t>(std::stoul(port))};
}

std::string to_yaml(const service_settings& x) {
  yaml_writer writer;
  auto copy = x;
  visit(writer, copy);
  return std::move(writer.out);
}

namespace {

/// Whether a head takes that key over while it runs. What ends with a point stands for all below it.
bool is_taken_at_reload(const std::string& path) {
  static const std::vector<std::string> taken = {"admission.",
                                                 "defaults.exec_timeout",
                                                 "defaults.max_retries",
                                                 "defaults.queue_timeout",
                                                 "defaults.start_timeout",
                                                 "defaults.stop_grace",
                                                 "log.level",
                                                 "log.levels",
                                                 "retention.",
                                                 "server.allowed_hosts",
                                                 "server.drain",
                                                 "server.limits.",
                                                 "server.public_metrics",
                                                 "webhooks."};
  static const std::vector<std::string> not_taken = {"server.limits.queue", "server.limits.threads",
                                                     "server.limits.workers"};
  const auto is_at = [&path](const std::string& x) { return path == x || (x.back() == '.' && path.rfind(x, 0) == 0); };
  return std::any_of(taken.begin(), taken.end(), is_at) && std::none_of(not_taken.begin(), not_taken.end(), is_at);
}

} // namespace

setting_changes changes_between(const service_settings& before, const service_settings& after) {
  yaml_writer a;
  yaml_writer b;
  auto first = before;
  auto second = after;
  visit(a, first);
  visit(b, second);
  setting_changes out;
  for (const auto& [path, value] : a.values) {
    if (b.values[path] == value)
      continue;
    // Other files of a certificate are read; to begin or to cease to encrypt is another matter.
    const bool taken = is_taken_at_reload(path) || (path == "server.tls" && before.server.tls && after.server.tls);
    (taken ? out.taken : out.need_restart).push_back(path);
  }
  return out;
}

} // namespace muster::config
