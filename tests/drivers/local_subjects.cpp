#include "harness.hpp"

#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"
#include "executors/several/several_drivers.hpp"

namespace muster::test {

namespace {

subject null_subject() {
  subject out;
  out.name = "null";
  out.make = [](const std::filesystem::path&) { return make_null_driver(); };
  out.shape = [](attempt_spec& spec, const wish& x) {
    spec.task.environment = {{"MUSTER_NULL_EXIT", std::to_string(x.exit)},
                             {"MUSTER_NULL_DURATION", std::to_string(x.run.count()) + "ms"},
                             {"MUSTER_NULL_STUBBORN", x.ignores_polite_signal ? "1" : ""},
                             {"MUSTER_NULL_RESULT", x.result}};
  };
  out.spoil_prepare = [](attempt_spec& spec) {
    spec.task.environment = {{"MUSTER_NULL_FAIL_PREPARE", "no such input"}};
  };
  out.spoil_start = [](attempt_spec& spec) { spec.task.environment = {{"MUSTER_NULL_FAIL_START", "no such command"}}; };
  return out;
}

process_config quick_config(const std::filesystem::path& state) {
  process_config config;
  config.state_directory = state;
  config.leftover_grace = std::chrono::milliseconds{200};
  return config;
}

subject process_subject() {
  subject out;
  out.name = "process";
  out.durable = true;
  out.make = [](const std::filesystem::path& state) { return make_process_driver(quick_config(state)); };
  out.shape = [](attempt_spec& spec, const wish& x) {
    // The trap is set before anything can be stopped: the caller waits for the file `ready` in the work folder.
    const std::string trap = x.ignores_polite_signal ? "trap '' TERM; " : "";
    const auto seconds =
        std::to_string(x.run.count() / 1000) + '.' + std::to_string(x.run.count() % 1000 + 1000).substr(1);
    const std::string sleep = x.run.count() > 0 ? "sleep " + seconds + "; " : "";
    const auto result = x.result.empty() ? std::string{} : "printf %s '" + x.result + "' > $MUSTER_RESULT; ";
    spec.task.command = {"/bin/sh", "-c", trap + "touch ready; " + sleep + result + "exit " + std::to_string(x.exit)};
  };
  out.run_script = [](attempt_spec& spec, const std::string& script) { spec.task.command = {"/bin/sh", "-c", script}; };
  out.settled = [](const attempt_spec& spec) { return std::filesystem::exists(spec.folder / "work" / "ready"); };
  out.spoil_prepare = [](attempt_spec& spec) { spec.task.command.clear(); };
  return out;
}

subject limited_subject() {
  auto out = process_subject();
  out.name = "process, limits enforced";
  out.probed_as = "process";
  out.make = [](const std::filesystem::path& state) {
    auto config = quick_config(state);
    config.enforce_limits = true;
    return make_process_driver(std::move(config));
  };
  return out;
}

/// Processes beside something else: each attempt has to say that it is one.
subject second_subject() {
  auto out = process_subject();
  out.name = "process, as the second of two";
  out.probed_as = "null";
  out.make = [](const std::filesystem::path& state) {
    return make_several_drivers({make_null_driver(), make_process_driver(quick_config(state))});
  };
  const auto name = [](attempt_spec& spec) { spec.resource.driver = "process"; };
  out.shape = [name, shape = out.shape](attempt_spec& spec, const wish& x) {
    name(spec);
    shape(spec, x);
  };
  out.run_script = [name, run = out.run_script](attempt_spec& spec, const std::string& script) {
    name(spec);
    run(spec, script);
  };
  out.spoil_prepare = [name, spoil = out.spoil_prepare](attempt_spec& spec) {
    name(spec);
    spoil(spec);
  };
  return out;
}

} // namespace

std::vector<subject> local_subjects() {
  std::vector<subject> out{null_subject(), process_subject(), second_subject()};
  if (why_no_limits().empty())
    out.push_back(limited_subject());
  return out;
}

const std::string& why_no_limits() {
  static const auto why = [] {
    const scratch dir;
    auto config = quick_config(dir.path());
    config.enforce_limits = true;
    const auto found = make_process_driver(std::move(config))->probe();
    return found ? std::string{} : found.failure().message;
  }();
  return why;
}

} // namespace muster::test
