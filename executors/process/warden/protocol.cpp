#include "executors/process/warden/protocol.hpp"

#include <cstring>
#include <type_traits>

namespace muster::process::wire {

namespace {

/// Writes one frame; its length is filled in at the end.
class writer {
public:
  writer(std::string& out, kind what) : out_(out), at_(out.size()) {
    number(std::uint32_t{0});
    number(static_cast<std::uint8_t>(what));
  }
  ~writer() {
    const auto length = static_cast<std::uint32_t>(out_.size() - at_ - sizeof(std::uint32_t));
    std::memcpy(out_.data() + at_, &length, sizeof length);
  }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  template <class T>
  writer& number(T x) {
    static_assert(std::is_integral_v<T>);
    char bytes[sizeof x];
    std::memcpy(bytes, &x, sizeof x);
    out_.append(bytes, sizeof x);
    return *this;
  }
  writer& id(const attempt_id& x) { return number(x.workflow.value).number(x.task.value).number(x.number); }
  writer& text(std::string_view x) {
    number(static_cast<std::uint32_t>(x.size()));
    return raw(x);
  }
  writer& raw(std::string_view x) {
    out_.append(x);
    return *this;
  }

private:
  std::string& out_;
  std::size_t at_;
};

/// Reads a body; after the first failure everything read is empty and `whole()` is false.
class reader {
public:
  explicit reader(std::string_view body) : rest_(body) {}

  template <class T>
  T number() {
    T x{};
    if (rest_.size() < sizeof x) {
      failed_ = true;
      return x;
    }
    std::memcpy(&x, rest_.data(), sizeof x);
    rest_.remove_prefix(sizeof x);
    return x;
  }
  attempt_id id() {
    attempt_id x;
    x.workflow.value = number<std::int64_t>();
    x.task.value = number<std::uint32_t>();
    x.number = number<std::uint32_t>();
    return x;
  }
  std::string_view text() {
    const auto size = number<std::uint32_t>();
    if (failed_ || rest_.size() < size) {
      failed_ = true;
      return {};
    }
    const auto x = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return x;
  }
  /// A path or another string that must not hold a zero.
  std::string plain_text() {
    const auto x = text();
    failed_ = failed_ || x.find('\0') != std::string_view::npos;
    return std::string{x};
  }
  string_list list() {
    string_list x;
    x.count = number<std::uint32_t>();
    x.bytes = text();
    std::uint32_t zeros = 0;
    for (const char c : x.bytes)
      zeros += c == '\0' ? 1U : 0U;
    failed_ = failed_ || zeros != x.count || (!x.bytes.empty() && x.bytes.back() != '\0');
    return x;
  }
  /// Fields are only appended: a longer body is one of a newer peer.
  [[nodiscard]] bool whole() const noexcept { return !failed_; }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

private:
  std::string_view rest_;
  bool failed_ = false;
};

template <class T>
std::optional<T> checked(const reader& from, T value) {
  if (!from.whole())
    return std::nullopt;
  return value;
}

} // namespace

void write_hello(std::string& out, bool limits) {
  writer{out, kind::hello}.number(version).number(static_cast<std::uint8_t>(limits ? 1 : 0));
}

void write(std::string& out, const start_request& x) {
  writer w{out, kind::start};
  w.id(x.id).text(x.folder).text(x.program);
  w.number(x.arguments.count).text(x.arguments.bytes);
  w.number(x.environment.count).text(x.environment.bytes);
  w.text(x.argument_file).number(static_cast<std::uint8_t>(x.sandboxed ? 1 : 0)).number(x.command_at);
  w.number(x.refuse_code).text(x.refuse_text);
  w.number(static_cast<std::uint8_t>(x.limits ? 1 : 0));
  if (x.limits)
    w.number(x.limits->memory).number(x.limits->cpu).number(x.limits->processes);
  w.number(static_cast<std::uint8_t>(x.keeps_place ? 1 : 0));
}

void write(std::string& out, const stop_request& x) {
  writer{out, kind::stop}.id(x.id).number(x.grace_us);
}

namespace {

constexpr auto head_of_frame = sizeof(std::uint32_t) + sizeof(kind);

} // namespace

void write_start_after(std::string& out, attempt_id after, std::string_view start) {
  writer{out, kind::start_after}.id(after).raw(start.substr(head_of_frame));
}

void write_hold(std::string& out, std::string_view start) {
  writer{out, kind::hold}.raw(start.substr(head_of_frame));
}

void write_release(std::string& out, attempt_id id) {
  writer{out, kind::release}.id(id);
}

void write_go(std::string& out, attempt_id id) {
  writer{out, kind::go}.id(id);
}

void write_forget(std::string& out, attempt_id id) {
  writer{out, kind::forget}.id(id);
}

void write_query(std::string& out, const std::vector<query_item>& x) {
  writer w{out, kind::query};
  w.number(static_cast<std::uint32_t>(x.size()));
  for (const auto& item : x)
    w.id(item.id).text(item.folder);
}

void write(std::string& out, const welcome_message& x) {
  writer{out, kind::welcome}.number(x.version).number(x.pid).text(x.no_limits);
}

void write(std::string& out, const started_message& x) {
  writer{out, kind::started}.id(x.id).number(x.time_us).number(x.code).text(x.text);
}

void write(std::string& out, const held_message& x) {
  writer{out, kind::held}.id(x.id).number(x.code).text(x.text);
}

void write(std::string& out, const exited_message& x) {
  writer w{out, kind::exited};
  w.id(x.id).number(x.code).number(x.signal).number(static_cast<std::uint8_t>(x.what)).number(x.detail);
  w.number(x.started_us).number(x.ended_us);
}

void write(std::string& out, const lost_message& x) {
  writer{out, kind::lost}.id(x.id).text(x.text);
}

void write_answer(std::string& out, const std::vector<std::uint8_t>& adoptions) {
  writer{out, kind::answer}.text({reinterpret_cast<const char*>(adoptions.data()), adoptions.size()});
}

std::optional<hello_message> read_hello(std::string_view body) {
  reader r{body};
  hello_message x;
  x.version = r.number<std::uint32_t>();
  x.limits = r.left() > 0 && r.number<std::uint8_t>() != 0; // Version 1 says nothing of it.

  return checked(r, x);
}

namespace {

start_request start_of(reader& r) {
  start_request x;
  x.id = r.id();
  x.folder = r.plain_text();
  x.program = r.plain_text();
  x.arguments = r.list();
  x.environment = r.list();
  x.argument_file = r.plain_text();
  x.sandboxed = r.number<std::uint8_t>() != 0;
  x.command_at = r.number<std::uint32_t>();
  x.refuse_code = r.number<std::int32_t>();
  x.refuse_text = r.text();
  if (r.number<std::uint8_t>() != 0) {
    attempt_limits limits;
    limits.memory = r.number<std::int64_t>();
    limits.cpu = r.number<std::int64_t>();
    limits.processes = r.number<std::int64_t>();
    x.limits = limits;
  }
  x.keeps_place = r.number<std::uint8_t>() != 0;
  return x;
}

} // namespace

std::optional<start_request> read_start(std::string_view body) {
  reader r{body};
  auto x = start_of(r);
  return checked(r, std::move(x));
}

std::optional<following_start> read_start_after(std::string_view body) {
  reader r{body};
  following_start x;
  x.after = r.id();
  x.what = start_of(r);
  return checked(r, std::move(x));
}

std::optional<stop_request> read_stop(std::string_view body) {
  reader r{body};
  stop_request x;
  x.id = r.id();
  x.grace_us = r.number<std::int64_t>();
  return checked(r, x);
}

std::optional<attempt_id> read_id(std::string_view body) {
  reader r{body};
  const auto x = r.id();
  return checked(r, x);
}

std::optional<std::vector<query_item>> read_query(std::string_view body) {
  reader r{body};
  std::vector<query_item> x;
  const auto count = r.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && r.whole(); ++i) {
    query_item item;
    item.id = r.id();
    item.folder = r.plain_text();
    x.push_back(std::move(item));
  }
  return checked(r, std::move(x));
}

std::optional<welcome_message> read_welcome(std::string_view body) {
  reader r{body};
  welcome_message x;
  x.version = r.number<std::uint32_t>();
  x.pid = r.number<std::int32_t>();
  if (r.left() > 0) // Version 1 says no more, and must be recognised.
    x.no_limits = r.text();
  return checked(r, x);
}

std::optional<started_message> read_started(std::string_view body) {
  reader r{body};
  started_message x;
  x.id = r.id();
  x.time_us = r.number<std::int64_t>();
  x.code = r.number<std::uint8_t>();
  x.text = r.text();
  return checked(r, std::move(x));
}

std::optional<held_message> read_held(std::string_view body) {
  reader r{body};
  held_message x;
  x.id = r.id();
  x.code = r.number<std::uint8_t>();
  x.text = r.text();
  return checked(r, std::move(x));
}

std::optional<exited_message> read_exited(std::string_view body) {
  reader r{body};
  exited_message x;
  x.id = r.id();
  x.code = r.number<std::int32_t>();
  x.signal = r.number<std::int32_t>();
  x.what = static_cast<note>(r.number<std::uint8_t>());
  x.detail = r.number<std::int32_t>();
  x.started_us = r.number<std::int64_t>();
  x.ended_us = r.number<std::int64_t>();
  return checked(r, x);
}

std::optional<lost_message> read_lost(std::string_view body) {
  reader r{body};
  lost_message x;
  x.id = r.id();
  x.text = r.text();
  return checked(r, std::move(x));
}

std::optional<std::vector<std::uint8_t>> read_answer(std::string_view body) {
  reader r{body};
  const auto bytes = r.text();
  return checked(r, std::vector<std::uint8_t>(bytes.begin(), bytes.end()));
}

char* frame_reader::space(std::size_t room) {
  if (begin_ == end_)
    begin_ = end_ = 0;
  if (buffer_.size() - end_ < room && begin_ > 0) {
    buffer_.erase(0, begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < room)
    buffer_.resize(end_ + room);
  return buffer_.data() + end_;
}

std::optional<frame> frame_reader::next() {
  std::uint32_t length = 0;
  if (broken_ || end_ - begin_ < sizeof length)
    return std::nullopt;
  std::memcpy(&length, buffer_.data() + begin_, sizeof length);
  if (length == 0 || length > max_frame) {
    broken_ = true;
    return std::nullopt;
  }
  if (end_ - begin_ - sizeof length < length)
    return std::nullopt;
  const char* body = buffer_.data() + begin_ + sizeof length;
  begin_ += sizeof length + length;
  return frame{static_cast<kind>(*body), std::string_view{body + 1, length - 1}};
}

} // namespace muster::process::wire
