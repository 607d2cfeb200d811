#pragma once

#include "executors/docker/engine/errors.hpp"
#include "executors/docker/engine/types.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// From the JSON of the Engine to values. Each fails with `bad_answer` on what is not JSON, or lacks what cannot be
/// missing.
namespace muster::docker {

[[nodiscard]] outcome<api_version> read_version(std::string_view text); ///< `1.41`
[[nodiscard]] outcome<engine_info> read_info(std::string body);
[[nodiscard]] outcome<image_info> read_image(std::string_view body);
[[nodiscard]] outcome<created_container> read_created(std::string_view body);
[[nodiscard]] outcome<exit_status> read_exit(std::string_view body);
[[nodiscard]] outcome<container_info> read_container(std::string body);
[[nodiscard]] outcome<std::vector<container_summary>> read_containers(std::string_view body);
[[nodiscard]] outcome<network_info> read_network(std::string_view body);
[[nodiscard]] outcome<std::vector<network_info>> read_networks(std::string_view body);
[[nodiscard]] outcome<std::string> read_network_id(std::string_view body);
[[nodiscard]] outcome<engine_event> read_event(std::string_view line);

/// A line of a pull: progress, or the error that ended it.
[[nodiscard]] outcome<pull_progress> read_pull_line(std::string_view line);

/// `filters` as the API wants them: `{"label":{"a=b":true}}` is old, `{"label":["a=b"]}` is meant.
[[nodiscard]] std::string filters_text(const filter_map& filters);

/// Cuts a stream into lines that are not empty.
class line_splitter {
public:
  /// Longest line that is believed in.
  static constexpr std::size_t max_line = std::size_t{4} << 20U;

  using sink = std::function<void(std::string_view)>;

  /// Hands each line that is complete to `to`, without its end. False if one is too long: nothing more can be read
  /// then.
  [[nodiscard]] bool feed(std::string_view bytes, const sink& to);
  /// What came after the last newline.
  [[nodiscard]] const std::string& rest() const noexcept { return pending_; }

private:
  std::string pending_;
};

} // namespace muster::docker
