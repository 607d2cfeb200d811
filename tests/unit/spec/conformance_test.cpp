#include "support/catch.hpp"

#include "muster/spec/load.hpp"
#include "support/shared_folder.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

using namespace muster::spec;
using nlohmann::json;

namespace {

std::optional<json> read_cases(const std::string& name) {
  const auto folder = muster::test::shared_folder();
  if (!folder)
    return std::nullopt;
  std::ifstream in{*folder / "conformance" / name};
  REQUIRE(in);
  return json::parse(in);
}

std::string all_errors(const load_outcome& x) {
  std::string out;
  for (const auto& problem : x.errors)
    out += render(problem);
  return out;
}

load_options options_of(const json& example) {
  load_options options;
  options.profile = profile::osmo;
  if (example.contains("set") && example["set"].is_array())
    options.set = example["set"].get<std::vector<std::string>>();
  return options;
}

} // namespace

TEST_CASE("OSMO's spec cases get OSMO's verdicts and models") {
  const auto cases = read_cases("osmo_spec_cases.json");
  if (!cases)
    return;
  CHECK(cases->size() > 200);
  for (const auto& example : *cases) {
    INFO(example["id"].get<std::string>());
    INFO(example["spec"].get<std::string>());
    const auto loaded = load(example["spec"].get<std::string>(), options_of(example));
    INFO(all_errors(loaded));
    CHECK(loaded.ok() == (example["verdict_cli"] == "VALID"));
    CHECK(loaded.ok() == loaded.errors.empty());
    if (loaded.ok() && example.contains("resolved"))
      CHECK(json::parse(to_resolved_json(*loaded.workflow)) == example["resolved"]);
  }
}

TEST_CASE("the default profile accepts what OSMO accepts, with the same model") {
  const auto cases = read_cases("osmo_spec_cases.json");
  if (!cases)
    return;
  for (const auto& example : *cases) {
    if (example["verdict_cli"] != "VALID")
      continue;
    INFO(example["id"].get<std::string>());
    auto options = options_of(example);
    options.profile = profile::muster;
    const auto loaded = load(example["spec"].get<std::string>(), options);
    INFO(all_errors(loaded));
    REQUIRE(loaded.ok());
    if (example.contains("resolved"))
      CHECK(json::parse(to_resolved_json(*loaded.workflow)) == example["resolved"]);
  }
}

TEST_CASE("every third-party tutorial validates as it is") {
  const auto folder = muster::test::shared_folder();
  if (!folder)
    return;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*folder / "corpus" / "osmo-tutorials")) {
    if (entry.path().extension() != ".yaml")
      continue;
    ++count;
    for (const auto rules : {profile::muster, profile::osmo}) {
      load_options options;
      options.profile = rules;
      // Two of them leave a variable to the command line, as their text says.
      options.set = {"storage_url=s3://bucket"};
      const auto loaded = load_file(entry.path().string(), options);
      INFO(all_errors(loaded));
      CHECK(loaded.ok());
    }
  }
  CHECK(count == 16);
}
