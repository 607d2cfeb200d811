#include "docker_muster.hpp"

#include "support/unix_http.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

namespace muster::test {

namespace {

nlohmann::json ask(const std::filesystem::path& socket, const std::string& target) {
  auto answer = nlohmann::json::parse(http_call(socket, "GET", target).body, nullptr, false);
  if (!answer.is_array()) // Also in the destructor, when a test has failed because the daemon is away.
    return nlohmann::json::array(
        {{{"Names", {"/the-daemon-does-not-answer"}}, {"Name", "the-daemon-does-not-answer"}}});
  return answer;
}

std::string filter_of(const std::string& head) {
  return "filters=%7B%22label%22%3A%5B%22muster.head%3D" + head + "%22%5D%7D";
}

std::string indented(const std::string& text, const std::string& by) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    out += by + text.substr(at, end - at) + '\n';
    if (end == std::string::npos)
      break;
    at = end + 1;
  }
  return out;
}

std::string tasks_of(const std::vector<shell_task>& tasks, const std::string& image, const std::string& by, bool gang) {
  std::string out;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    out += by + "- name: " + tasks[i].name + '\n';
    if (gang)
      out += by + "  lead: " + (i == 0 ? "true" : "false") + '\n';
    out += by + "  image: " + image + '\n' + by + "  command: [sh, -c]\n" + by + "  args:\n" + by + "  - |\n";
    out += indented(tasks[i].script, by + "    ");
    if (!tasks[i].more.empty())
      out += indented(tasks[i].more, by + "  ");
  }
  return out;
}

} // namespace

docker_muster::~docker_muster() {
  for (const auto& x : containers())
    http_call(socket_, "DELETE", "/containers/" + x + "?force=1&v=1");
  for (const auto& x : networks())
    http_call(socket_, "DELETE", "/networks/" + x);
}

command docker_muster::with(const std::vector<std::string>& arguments) const {
  auto what = program_.with(arguments);
  what.env["DOCKER_HOST"] = "unix://" + socket_.string();
  return what;
}

outcome docker_muster::operator()(const std::vector<std::string>& arguments, std::chrono::milliseconds deadline) const {
  return test::run(with(arguments), deadline);
}

command docker_muster::run(const std::string& spec, const std::vector<std::string>& more) const {
  std::vector<std::string> words{"run", program_.file("spec.yaml", spec), "--pool", "docker", "--oversubscribe",
                                 "1000"};
  words.insert(words.end(), more.begin(), more.end());
  return with(words);
}

std::string docker_muster::log(const std::string& workflow, const std::string& task) const {
  return program_({"logs", workflow, "-t", task}).out;
}

std::string docker_muster::head() const {
  std::ifstream file{program_.state() / "head-id"};
  std::string text;
  std::getline(file, text);
  return text;
}

std::vector<std::string> docker_muster::containers() const {
  std::vector<std::string> out;
  const auto id = head();
  if (!id.empty())
    for (const auto& x : ask(socket_, "/containers/json?all=1&" + filter_of(id)))
      out.push_back(x.at("Names").at(0).get<std::string>().substr(1));
  return out;
}

std::string docker_muster::container_states() const {
  std::string out;
  for (const auto& x : ask(socket_, "/containers/json?all=1&" + filter_of(head())))
    out += x.at("Names").at(0).get<std::string>() + ' ' + x.value("Status", "") + '\n';
  return out;
}

std::vector<std::string> docker_muster::networks() const {
  std::vector<std::string> out;
  const auto id = head();
  if (!id.empty())
    for (const auto& x : ask(socket_, "/networks?" + filter_of(id)))
      out.push_back(x.at("Name").get<std::string>());
  return out;
}

std::vector<std::string> docker_muster::left_networks() const {
  std::vector<std::string> out;
  for (const auto& x : networks()) {
    const auto at = "/networks/" + x;
    const auto found = nlohmann::json::parse(http_call(socket_, "GET", at).body, nullptr, false);
    const auto answer = http_call(socket_, "DELETE", at);
    if (answer.status != 403 || !found.is_object() || !found.value("Containers", nlohmann::json()).empty())
      out.push_back(x + ": " + answer.body);
  }
  return out;
}

std::string spec_of(const std::string& workflow, const std::vector<shell_task>& tasks, const std::string& image) {
  return "workflow:\n  name: " + workflow + "\n  tasks:\n" + tasks_of(tasks, image, "  ", false);
}

std::string gang_of(const std::string& workflow, const std::vector<shell_task>& tasks, const std::string& image,
                    const std::string& group_more) {
  return "workflow:\n  name: " + workflow + "\n  groups:\n  - name: gang\n" +
         (group_more.empty() ? "" : indented(group_more, "    ")) + "    tasks:\n" +
         tasks_of(tasks, image, "    ", true);
}

} // namespace muster::test
