#include "support/catch.hpp"
#include "support/shared_folder.hpp"

#include "muster/state/exit_decision.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

using namespace muster;

namespace {

using spec::exit_action;
using spec::exit_rule;

exit_rule rule(exit_action action, std::vector<spec::code_range> codes) {
  return {action, std::move(codes), {}};
}

exit_action action_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  return name == "COMPLETE" ? exit_action::complete : name == "FAIL" ? exit_action::fail : exit_action::reschedule;
}

std::vector<exit_rule> rules_of(const nlohmann::ordered_json& x) {
  std::vector<exit_rule> rules;
  for (const auto& [name, value] : x.items()) {
    auto& r = rules.emplace_back(rule(action_of(name), {}));
    std::istringstream codes{value.get<std::string>()};
    for (std::string part; std::getline(codes, part, ',');) {
      const auto dash = part.find('-');
      const auto first = std::stoll(part);
      r.codes.push_back({first, dash == std::string::npos ? first : std::stoll(part.substr(dash + 1))});
    }
  }
  return rules;
}

} // namespace

TEST_CASE("the first exit rule that holds the code wins") {
  const std::vector<exit_rule> rules{rule(exit_action::complete, {{3, 5}, {9, 9}}), rule(exit_action::fail, {{0, 9}})};
  CHECK(decide_exit(status::failed, 9, rules, {}, 0, 3).status == status::completed);
  const auto failed = decide_exit(status::completed, 0, rules, {}, 0, 3);
  CHECK(failed.status == status::failed);
  CHECK(failed.message == "Exit Action: FAIL the task for exit code 0.");
  CHECK(decide_exit(status::failed, 10, rules, {}, 0, 3).message.empty());
}

TEST_CASE("a pool's rules count only when none of the task's does") {
  const std::vector<exit_rule> own{rule(exit_action::fail, {{7, 7}})};
  const std::vector<exit_rule> pool{rule(exit_action::reschedule, {{7, 8}})};
  CHECK(decide_exit(status::failed, 7, own, pool, 0, 3).status == status::failed);
  CHECK(decide_exit(status::failed, 8, own, pool, 0, 3).status == status::rescheduled);
}

TEST_CASE("RESCHEDULE ends at the limit of retries") {
  const std::vector<exit_rule> rules{rule(exit_action::reschedule, {{1, 255}})};
  CHECK(decide_exit(status::failed, 1, rules, {}, 2, 3).status == status::rescheduled);
  const auto last = decide_exit(status::failed, 1, rules, {}, 3, 3);
  CHECK(last.status == status::failed);
  CHECK(last.message == "No exit action applied due to retry limit 3.");
}

TEST_CASE("every exit action case of OSMO holds") {
  const auto shared = test::shared_folder();
  if (!shared)
    return;
  std::ifstream in{*shared / "conformance/osmo_value_cases.json"};
  REQUIRE(in);
  const auto cases = nlohmann::ordered_json::parse(in).at("exit_action");
  CHECK(cases.size() > 10);
  for (const auto& x : cases) {
    INFO(x.dump());
    const auto got = decide_exit(parse_status(x.at("status").get<std::string>()).value(), x.at("exit_code"),
                                 rules_of(x.at("exitActions")), rules_of(x.at("pool_default_exit_actions")),
                                 x.at("retry_id"), x.at("max_retry_per_task"));
    CHECK(to_string(got.status) == x.at("result").at("status").get<std::string>());
    CHECK(got.message == x.at("result").at("message").get<std::string>());
  }
}
