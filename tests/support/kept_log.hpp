#pragma once

#include "muster/base/log.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace muster::test {

/// Keeps what is logged from then on.
class kept_log final {
public:
  kept_log() { log::install(sink_); }
  ~kept_log() { log::install(nullptr); }
  kept_log(const kept_log&) = delete;
  kept_log& operator=(const kept_log&) = delete;
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock{sink_->mutex};
    return sink_->text;
  }

private:
  struct keeper final : log::sink {
    void write(const log::record& x) noexcept override {
      const std::lock_guard lock{mutex};
      text += std::string{x.component} + ": " + std::string{x.message};
      log::append_logfmt(text, x.fields, x.count);
      text += '\n';
    }
    std::mutex mutex;
    std::string text;
  };
  std::shared_ptr<keeper> sink_ = std::make_shared<keeper>();
};

} // namespace muster::test
