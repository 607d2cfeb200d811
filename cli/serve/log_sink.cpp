#include "cli/serve/log_sink.hpp"

#include "muster/event/json.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <utility>

namespace muster::cli {

namespace {

spdlog::level::level_enum spdlog_level(log::level x) {
  switch (x) {
    case log::level::debug: return spdlog::level::debug;
    case log::level::info: return spdlog::level::info;
    case log::level::warn: return spdlog::level::warn;
    default: return spdlog::level::err;
  }
}

/// Now, in RFC 3339 with milliseconds.
std::string now_text() {
  return to_rfc3339(std::chrono::time_point_cast<timestamp::duration>(std::chrono::system_clock::now()));
}

class service_log final : public log::sink {
public:
  service_log(spdlog::sink_ptr target, config::log_format format)
      : format_(format), threads_(std::make_shared<spdlog::details::thread_pool>(queue_size, 1)),
        logger_(std::make_shared<spdlog::async_logger>("muster", std::move(target), threads_,
                                                       spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern("%v");
    logger_->set_level(spdlog::level::debug); // What is written at all is decided before.
    logger_->flush_on(spdlog::level::debug);
    logger_->set_error_handler([](const std::string&) {}); // A full disk must not fill stderr.
  }

  void write(const log::record& x) noexcept override {
    try {
      tell_of_dropped();
      logger_->log(spdlog_level(x.level), "{}", format_ == config::log_format::json ? as_json(x) : as_logfmt(x));
    } catch (const std::exception&) {
      // A line that cannot be made is not written.
    }
  }

private:
  static constexpr std::size_t queue_size = 8192;

  void tell_of_dropped() {
    const auto dropped = threads_->overrun_counter();
    const auto told = told_.load(std::memory_order_relaxed);
    if (dropped <= told + queue_size / 8)
      return;
    auto expected = told;
    if (!told_.compare_exchange_strong(expected, dropped))
      return;
    const log::field field{"lines", dropped - told};
    const log::record x{log::level::warn, "serve", "log lines were dropped, more came than could be written", &field,
                        1};
    logger_->log(spdlog::level::warn, "{}", format_ == config::log_format::json ? as_json(x) : as_logfmt(x));
  }

  static std::string as_logfmt(const log::record& x) {
    std::string out = "time=" + now_text() + " level=";
    out += to_string(x.level);
    const log::field head[] = {{"component", x.component}, {"msg", x.message}};
    append_logfmt(out, head, 2);
    append_logfmt(out, x.fields, x.count);
    return out;
  }

  static std::string as_json(const log::record& x) {
    std::string out = R"({"time":")" + now_text() + R"(","level":")";
    out += to_string(x.level);
    out += '"';
    const log::field head[] = {{"component", x.component}, {"msg", x.message}};
    append_json(out, head, 2);
    append_json(out, x.fields, x.count);
    return out + '}';
  }

  config::log_format format_;
  std::shared_ptr<spdlog::details::thread_pool> threads_;
  std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<std::size_t> told_{0};
};

} // namespace

result<std::shared_ptr<log::sink>> open_service_log(const config::log_settings& how) {
  try {
    spdlog::sink_ptr target;
    if (how.file.empty())
      target = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    else
      target = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          how.file.string(), static_cast<std::size_t>(how.max_size), how.files);
    return std::shared_ptr<log::sink>{std::make_shared<service_log>(std::move(target), how.format)};
  } catch (const std::exception& problem) {
    return {ec::io_error, "the log " + how.file.string() + " cannot be written: " + problem.what()};
  }
}

} // namespace muster::cli
