#include "actors/admission.hpp"

#include "muster/spec/duration.hpp"
#include "muster/spec/gangs.hpp"
#include "muster/spec/load.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace muster {

namespace {

/// Collects reasons; the code of the first stands for all.
class reasons {
public:
  void add(ec code, std::string text) {
    if (code_ == ec::none)
      code_ = code;
    text_ += (text_.empty() ? "" : "\n") + std::move(text);
  }

  [[nodiscard]] result<void> outcome() && {
    return code_ == ec::none ? result<void>{} : result<void>{code_, std::move(text_)};
  }

private:
  ec code_ = ec::none;
  std::string text_;
};

void check_earlier_workflow(const std::string& task, const spec::task_input& from, store::reader& history,
                            reasons& out) {
  const auto place = "task " + task + ", input " + from.workflow + ":" + from.task + ": ";
  const auto earlier = history.workflow(from.workflow);
  if (!earlier)
    return out.add(earlier.failure().code, place + earlier.failure().message);
  const auto upstream = history.task(earlier->key, from.task);
  if (!upstream)
    return out.add(upstream.failure().code, place + upstream.failure().message);
  if (!is_group_finished(upstream->status))
    out.add(ec::conflict, place + "that task is " + std::string{to_string(upstream->status)} +
                              "; only outputs of tasks that have ended can be read");
}

/// Whether a mount of `source` is below one of `allowed`.
bool may_mount(const std::filesystem::path& source, const std::vector<std::filesystem::path>& allowed) {
  if (!source.is_absolute() || std::find(source.begin(), source.end(), "..") != source.end())
    return false;
  const auto asked = source.lexically_normal();
  return std::any_of(allowed.begin(), allowed.end(), [&](const auto& x) {
    const auto relative = asked.lexically_relative(x);
    return !relative.empty() && *relative.begin() != "..";
  });
}

/// What a task asks of the host, against what the pool permits.
void check_permissions(const spec::task& t, const host_permissions& permits, const std::string& platform,
                       reasons& out) {
  const auto whose = platform.empty() ? std::string{"pool"} : "platform " + platform;
  const auto refuse = [&](const std::string& what, const std::string& key) {
    out.add(ec::unsupported, "task " + t.name + ": " + what + " is not permitted by this " + whose +
                                 "; `permissions: {" + key + "}` of the " + whose +
                                 " in the configuration file permits it");
  };
  if (t.privileged && !permits.privileged)
    refuse("privileged", "privileged: true");
  if (t.host_network && !permits.host_network)
    refuse("hostNetwork", "host_network: true");
  for (const auto& mount : t.volume_mounts)
    if (const auto source = mount.substr(0, mount.find(':')); !may_mount(source, permits.mounts))
      refuse("volumeMounts: '" + mount + "'", "mounts: [" + source + "]");
}

/// What needs an image or a store of credentials.
void check_task(const spec::task& t, const std::string& platform, const capabilities& offered,
                const config::pool_policy& rules, reasons& out) {
  const auto place = "task " + t.name + ": ";
  if (!t.credentials.empty())
    out.add(ec::unsupported, place + "credentials: this runtime stores none");
  if (!t.checkpoints.empty())
    out.add(ec::unsupported, place + "checkpoint: executor " + offered.driver + " makes none");
  // Who names no platform may be placed on any of them.
  bool ruled = false;
  for (const auto& [name, known] : rules.platforms)
    if (known.permissions && (platform.empty() || platform == name)) {
      const auto& x = *known.permissions;
      check_permissions(t, {x.privileged, x.host_network, x.mounts}, name, out);
      ruled = ruled || platform == name;
    }
  if (offered.permits && !ruled)
    check_permissions(t, *offered.permits, {}, out);
  if (offered.images)
    return;
  for (const auto& mount : t.volume_mounts) {
    const auto colon = mount.find(':');
    if (colon != std::string::npos && mount.substr(0, colon) != mount.substr(colon + 1))
      out.add(ec::unsupported, std::string{place}
                                   .append("volumeMounts: executor ")
                                   .append(offered.driver)
                                   .append(" runs tasks on the host itself, so '")
                                   .append(mount)
                                   .append("' cannot appear at another path; use the path of the host"));
  }
}

void check_time(const char* field, const std::optional<duration>& said, const config::time_settings& rule,
                reasons& out) {
  if (said && rule.most && *rule.most > duration{} && *said > *rule.most)
    out.add(ec::invalid_argument, std::string{"timeout."} + field + ": " + spec::to_string(*said) + " is longer than " +
                                      spec::to_string(*rule.most) + ", the most that this pool allows");
}

/// The platform that a task asks for; empty for none.
std::string platform_of(const spec::workflow& workflow, const spec::task& t) {
  const auto found = workflow.resources.find(t.resource);
  return found == workflow.resources.end() ? std::string{} : found->second.platform;
}

std::string by(const std::string& driver) {
  return driver.empty() ? "what its node has first" : "`" + driver + "`";
}

/// Members meet in a network of their driver, or by addresses of their nodes: one has both.
void check_drivers(const spec::workflow& workflow, const spec::group& g, const config::pool_policy& rules,
                   reasons& out) {
  const auto driver = [&](const spec::task& t) { return config::driver_of(rules, platform_of(workflow, t)); };
  const auto& first = g.tasks.front();
  const auto other =
      std::find_if(g.tasks.begin(), g.tasks.end(), [&](const auto& t) { return driver(t) != driver(first); });
  if (other != g.tasks.end())
    out.add(ec::unsupported, "group " + g.name + ": task " + first.name + " is run by " + by(driver(first)) +
                                 " and task " + other->name + " by " + by(driver(*other)) +
                                 ", as the pool says for their platforms; members of a group are run by the same");
}

} // namespace

std::optional<spec::workflow> with_drivers(const spec::workflow& workflow, const config::pool_policy& rules) {
  if (!config::names_drivers(rules))
    return std::nullopt;
  auto out = workflow;
  for (const auto* g : spec::gangs_of(workflow))
    for (const auto& t : g->tasks)
      out.resources[t.resource].driver = config::driver_of(rules, platform_of(workflow, t));
  return out;
}

result<void> check_admission(const spec::workflow& workflow, const capabilities& offered,
                             const config::pool_policy& rules, store::reader& history) {
  reasons out;
  check_time("exec_timeout", workflow.timeout.exec, rules.exec_timeout, out);
  check_time("queue_timeout", workflow.timeout.queue, rules.queue_timeout, out);
  for (const auto& x : spec::unsupported_urls(workflow))
    out.add(ec::unsupported, x.field + ": " + x.message + (x.hint.empty() ? "" : "; " + x.hint));
  for (const auto* g : spec::gangs_of(workflow)) {
    if (g->tasks.size() > 1)
      check_drivers(workflow, *g, rules, out);
    for (const auto& t : g->tasks) {
      check_task(t, platform_of(workflow, t), offered, rules, out);
      for (const auto& input : t.inputs)
        if (const auto* from = std::get_if<spec::task_input>(&input.from); from != nullptr && !from->workflow.empty())
          check_earlier_workflow(t.name, *from, history, out);
    }
  }
  return std::move(out).outcome();
}

} // namespace muster
