#include "agent_farm.hpp"

#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <thread>
#include <unistd.h>

namespace muster::test {

namespace {

using json = nlohmann::json;

json parsed(const outcome& x) {
  return json::parse(x.out, nullptr, false);
}

std::size_t lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);)
    ++count;
  return count;
}

std::filesystem::path tasks_folder(const muster_program& muster, const std::string& id) {
  return muster.state() / "workflows" / id / "tasks";
}

} // namespace

std::string condition_of(const muster_program& muster, const std::string& node) {
  const auto all = parsed(muster({"node", "ls", "--output", "json"}));
  if (all.is_array())
    for (const auto& x : all)
      if (x.value("name", "") == node)
        return x.value("condition", "");
  return {};
}

bool becomes(const muster_program& muster, const std::string& node, const std::string& condition) {
  if (eventually([&] { return condition_of(muster, node) == condition; }))
    return true;
  constexpr std::size_t shown = 4000;
  std::ifstream in(muster.folder() / "head.log");
  const std::string log{std::istreambuf_iterator<char>{in}, {}};
  UNSCOPED_INFO("the nodes: " << muster({"node", "ls"}).out
                              << "the head said: " << log.substr(log.size() - std::min(log.size(), shown)));
  return false;
}

std::string own_addresses() {
  constexpr int hosts = 254;
  const auto process = ::getpid();
  return "127." + std::to_string(1 + process / hosts % hosts) + '.' + std::to_string(1 + process % hosts) + '.';
}

std::vector<std::string> at(int number) {
  return {"--address", own_addresses() + std::to_string(number)};
}

std::string status_of(const muster_program& muster, const std::string& id) {
  const auto x = parsed(muster({"show", id, "--output", "json"}));
  return x.is_object() ? x.value("status", "") : std::string{};
}

std::string waiting_script(const muster_program& muster, int number) {
  return "echo x >> " + (muster.folder() / ("mark-" + std::to_string(number))).string() + "; until [ -e " +
         (muster.folder() / "release").string() + " ]; do sleep 0.05; done";
}

std::string waiting_spec(const muster_program& muster, int tasks) {
  std::string text = "workflow:\n  name: wait\n  tasks:\n";
  for (int i = 0; i < tasks; ++i)
    text += "  - name: t" + std::to_string(i) + "\n    image: none\n    command: [bash, -c]\n    args: [\"" +
            waiting_script(muster, i) + "\"]\n";
  return text;
}

std::string waiting_gang(const muster_program& muster, int members) {
  const auto cpus = std::to_string(std::thread::hardware_concurrency());
  std::string text =
      "workflow:\n  name: wait\n  resources:\n    whole: {cpu: " + cpus + "}\n  groups:\n  - name: gang\n    tasks:\n";
  for (int i = 0; i < members; ++i)
    text += "    - name: t" + std::to_string(i) + (i == 0 ? "\n      lead: true" : "") +
            "\n      resource: whole\n      image: none\n      command: [bash, -c]\n      args: [\"" +
            gang_script(muster, i) + "\"]\n";
  return text;
}

std::string gang_script(const muster_program& muster, int number) {
  return ": " + muster.folder().string() + "; echo x >> ../../mark-" + std::to_string(number) +
         "; until [ -e ../../release ]; do sleep 0.05; done";
}

std::size_t member_begins(const muster_program& muster, const std::string& id, int number) {
  return lines_of(tasks_folder(muster, id) / ("mark-" + std::to_string(number)));
}

std::size_t gang_begins(const muster_program& muster, const std::string& id, int members) {
  auto least = std::numeric_limits<std::size_t>::max();
  for (int i = 0; i < members; ++i)
    least = std::min(least, member_begins(muster, id, i));
  return least;
}

std::size_t gang_running(const muster_program& muster, int members) {
  std::size_t count = 0;
  for (int i = 0; i < members; ++i)
    count += programs_with_argument(gang_script(muster, i)).size();
  return count;
}

void let_gang_go(const muster_program& muster, const std::string& id) {
  std::ofstream(tasks_folder(muster, id) / "release").close();
}

std::string node_of(const muster_program& muster, const std::string& id, const std::string& task) {
  const auto shown = parsed(muster({"show", id, "--task", task, "--output", "json"}));
  return shown.is_object() && shown.contains("attempt") ? shown["attempt"].value("node", "") : std::string{};
}

std::size_t begins_of(const muster_program& muster, int number) {
  return lines_of(muster.folder() / ("mark-" + std::to_string(number)));
}

bool has_begun(const muster_program& muster, int tasks) {
  return eventually([&] {
    for (int i = 0; i < tasks; ++i)
      if (begins_of(muster, i) == 0)
        return false;
    return true;
  });
}

void let_go(const muster_program& muster) {
  std::ofstream(muster.folder() / "release").close();
}

std::string meeting_spec(int clients) {
  const auto cpus = std::to_string(std::thread::hardware_concurrency());
  const auto guests = std::to_string(clients);
  std::string text =
      "workflow:\n  name: meet\n  resources:\n    whole: {cpu: " + cpus +
      "}\n  groups:\n  - name: pair\n    tasks:\n"
      "    - name: server\n      lead: true\n      resource: whole\n      image: none\n"
      "      command: [perl, -MIO::Socket::INET, -e]\n      args:\n      - |\n"
      "        my $door = IO::Socket::INET->new(LocalAddr => '{{host:server}}', LocalPort => 5617, Listen => " +
      guests + ",\n          ReuseAddr => 1) or die \"$@\\n\";\n        for (1.." + guests +
      ") {\n"
      "          my $guest = $door->accept; print scalar <$guest>; print $guest \"welcome\\n\";\n"
      "          $guest->shutdown(1); <$guest>;\n        }\n";
  for (int i = 1; i <= clients; ++i) {
    const auto name = "client" + (i == 1 ? std::string{} : std::to_string(i));
    text += "    - name: " + name +
            "\n      resource: whole\n      image: none\n      command: [bash, -c]\n      args:\n      - |\n"
            "        until { exec 3<>/dev/tcp/{{host:server}}/5617; } 2>/dev/null; do sleep 0.05; done\n"
            "        echo 'hello from {{host:" +
            name + "}}' >&3; cat <&3\n";
  }
  return text;
}

std::string certificates_of(const muster_program& muster, const std::string& name) {
  return (muster.folder() / ("certs-" + name)).string();
}

void make_certificates(const muster_program& muster, const std::vector<std::string>& nodes) {
  const auto authority = (muster.folder() / "ca").string();
  const auto ca = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "ca");
    words.insert(words.end(), {"--ca", authority});
    const auto done = muster(words);
    INFO(done.err);
    REQUIRE(done.exit_code == 0);
  };
  ca({"init"});
  ca({"issue", "--head", "head", "--out", certificates_of(muster, "head")});
  for (const auto& node : nodes)
    ca({"issue", node, "--out", certificates_of(muster, node)});
}

void farm::start(const std::string& listen, const std::string& pool, const std::string& certs) {
  pool_ = pool;
  certs_ = certs;
  auto all = options_;
  all.insert(all.end(), {"--config", farm_config(muster, listen, pool, certs)});
  head = std::make_unique<head_program>(muster, all);
}

void farm::start_again() {
  start(agents_address(muster), pool_, certs_);
}

bool goes_away(const farm& x, const std::string& node) {
  return x.head->wait_for_log("\"node is away\" node=" + node + ' ');
}

std::string farm::submit(const std::string& spec) const {
  const auto done = muster({"submit", muster.file("spec.yaml", spec), "--pool", "farm"});
  return done.exit_code == 0 ? done.out.substr(0, done.out.find('\n')) : done.err;
}

std::string farm::end_of(const std::string& id, int tasks) const {
  let_go(muster);
  const auto waited = muster({"wait", id});
  std::string wrong;
  if (waited.out != id + " COMPLETED\n")
    wrong = waited.out + waited.err + muster({"show", id}).out + head->log();
  for (int i = 0; i < tasks; ++i)
    if (const auto begins = begins_of(muster, i); begins != 1)
      wrong += "t" + std::to_string(i) + " began " + std::to_string(begins) + " times\n";
  return wrong;
}

} // namespace muster::test
