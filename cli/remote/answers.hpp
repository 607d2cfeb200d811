#pragma once

#include "cli/commands/listing.hpp"
#include "cli/terminal/table.hpp"
#include "gateway/client/api.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

/// What the commands that ask a head share: JSON of its answers, pages of its lists, its problems.
namespace muster::cli {

using query_list = std::vector<std::pair<std::string, std::string>>;

/// Says on stderr what the head, or the way to it, had against a request; of a spec all that is wrong with it. Returns
/// the exit code: 4 not found, 5 conflict, 6 not authorised, 7 not reached, 8 timed out.
int report(const client::problem& why);

/// Asks for a JSON document.
[[nodiscard]] client::outcome<nlohmann::ordered_json> get_json(client::api& head, const std::string& path,
                                                               const query_list& query = {});

/// Sends one; an answer without a body is null. `once`: see `client::request::repeatable`.
[[nodiscard]] client::outcome<nlohmann::ordered_json> send_json(client::api& head, const std::string& method,
                                                                const std::string& path,
                                                                const nlohmann::ordered_json& body, bool once = false);

/// Calls `use` for the items of a list, page by page, at most `most` of them.
[[nodiscard]] client::outcome<std::size_t> each_item(client::api& head, const std::string& path, query_list query,
                                                     std::size_t most,
                                                     const std::function<void(const nlohmann::ordered_json&)>& use);

/// The attempts of a task of a list, the first one first.
[[nodiscard]] client::outcome<std::vector<nlohmann::ordered_json>>
attempts_of(client::api& head, const std::string& workflow, const nlohmann::ordered_json& task);

/// The id that `last` stands for; any other text is itself.
[[nodiscard]] client::outcome<std::string> workflow_id(client::api& head, const std::string& id);

/// A member as text: empty if it is absent or null.
[[nodiscard]] std::string text_of(const nlohmann::ordered_json& x, const char* name);
/// A time of the API, if it is there.
[[nodiscard]] std::optional<timestamp> time_of(const nlohmann::ordered_json& x, const char* name);
/// A status of the API; `unspecified` if it is none.
[[nodiscard]] status status_of(const nlohmann::ordered_json& x);
/// A member as a number; 0 if it is absent.
[[nodiscard]] double number_of(const nlohmann::ordered_json& x, const char* name);

/// How one kind of object is listed.
struct item_view {
  std::vector<std::string> header;
  std::vector<std::string> wide_header; ///< Further columns of `-o wide`.
  std::function<std::vector<cell>(const nlohmann::ordered_json&)> cells;
  std::function<std::vector<cell>(const nlohmann::ordered_json&)> wide_cells; ///< May be empty.
  const char* name = "id";                                                    ///< The member that `-o name` prints.
};

/// Prints a list in the format that is wanted, as it comes.
class item_printer {
public:
  item_printer(item_view view, list_format format, bool wide);
  void add(const nlohmann::ordered_json& x);
  void finish();

private:
  item_view view_;
  list_format format_;
  bool wide_;
  table rows_;
  json_list objects_;
};

/// Lists `path`; returns the exit code.
int print_list(client::api& head, const std::string& path, const query_list& query, std::size_t most,
               const item_view& view, list_format format, bool wide);

/// Prints one object: indented JSON for `json`, one line for `jsonl`, its name, else lines of `key  value`.
void print_object(const nlohmann::ordered_json& x, list_format format, const char* name);

} // namespace muster::cli
