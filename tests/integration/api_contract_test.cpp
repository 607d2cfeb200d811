#include "agent_farm.hpp"
#include "raw_client.hpp"
#include "support/api_contract.hpp"
#include "support/catch.hpp"
#include "support/head_program.hpp"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

using namespace muster::test;
using json = nlohmann::json;

namespace {

const std::string as_json = "Content-Type: application/json\r\n";
const std::string as_yaml = "Content-Type: application/yaml\r\n";

/// Speaks to a head by sockets, and holds all that it answers to docs/openapi.yaml.
class inspector {
public:
  explicit inspector(const std::string& address)
      : port_(static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)))) {}

  void use(const std::string& token) { token_ = token; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  raw_answer ask(const std::string& method, const std::string& target, const std::string& body = {},
                 const std::string& headers = {}) {
    raw_client client(port_);
    client.send(request(method, target, body, headers));
    auto got = client.read_answer(method == "HEAD");
    if (!got.complete)
      FAIL_CHECK(method << ' ' << target << " is not answered whole");
    check(method, target, got);
    return got;
  }
  raw_answer get(const std::string& target, const std::string& headers = {}) { return ask("GET", target, {}, headers); }

  /// The beginning of a stream, until `text` came.
  void follow(const std::string& target, const std::string& accept, const std::string& text) {
    raw_client client(port_);
    client.send(request("GET", target, {}, "Accept: " + accept + "\r\n"));
    const auto head = client.read_head();
    check("GET", target, head);
    CHECK(head.status == 200);
    CHECK(head.headers.at("content-type").rfind(accept, 0) == 0);
    CHECK(client.read_until(text));
  }

  /// A problem of that status; its code.
  std::string problem(unsigned status, const raw_answer& got) {
    INFO(got.body);
    CHECK(got.status == static_cast<int>(status));
    const auto x = json::parse(got.body, nullptr, false);
    REQUIRE(x.is_object());
    CHECK(x["status"] == status);
    return x["code"];
  }

  /// Operations that were answered well.
  [[nodiscard]] const std::set<std::string>& operations() const { return operations_; }

private:
  [[nodiscard]] std::string request(const std::string& method, const std::string& target, const std::string& body,
                                    const std::string& headers) const {
    return method + ' ' + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
           (token_.empty() ? "" : "Authorization: Bearer " + token_ + "\r\n") +
           (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + headers + "\r\n" + body;
  }

  void check(const std::string& method, const std::string& target, const raw_answer& got) {
    const auto& contract = api_contract::instance();
    const auto path = contract.path_of(target);
    for (const auto& problem : contract.check({method, path, static_cast<unsigned>(got.status), got.headers, got.body}))
      FAIL_CHECK(method << ' ' << target << " is not answered as docs/openapi.yaml says: " << problem << '\n'
                        << got.head << got.body.substr(0, 2000));
    if (got.status < 400)
      operations_.insert(method + ' ' + path);
  }

  const std::uint16_t port_;
  std::string token_;
  std::set<std::string> operations_;
};

std::string first_line(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string out;
  std::getline(in, out);
  return out;
}

std::string id_of(const raw_answer& x) {
  const auto body = json::parse(x.body, nullptr, false);
  INFO(x.head << x.body);
  REQUIRE(body.is_object());
  return body["id"];
}

/// Waits for the end of a workflow by the events that it has.
void wait_for(inspector& head, const std::string& id) {
  head.follow("/v1/events?from=earliest&type=workflow.status&workflow=" + id, "application/x-ndjson",
              "\"status\":\"COMPLETED\"");
}

void read_everything(inspector& head, const std::string& id) {
  const auto workflow = "/v1/workflows/" + id;
  for (const auto* tail :
       {"", "/spec", "/plan", "/steps", "/explain", "/result?step=only", "/groups", "/tasks", "/tasks/only",
        "/tasks/only/explain", "/tasks/only/attempts", "/tasks/only/attempts/0", "/tasks/only/result",
        "/tasks/only/logs", "/tasks/only/outputs", "/tasks/only/outputs/deep/a.txt"}) {
    INFO(tail);
    CHECK(head.get(workflow + tail).status == 200);
    if (std::string{tail} == "/tasks/only")
      CHECK(head.ask("HEAD", workflow + tail).status == 200);
  }
  const auto groups = json::parse(head.get(workflow + "/groups").body);
  CHECK(head.get(workflow + "/groups/" + groups["items"][0]["name"].get<std::string>()).status == 200);
  const auto file = workflow + "/tasks/only/outputs/deep/a.txt";
  const auto whole = head.get(file);
  CHECK(whole.body == "text\n");
  CHECK(head.get(file, "Range: bytes=1-2\r\n").status == 206);
  CHECK(head.get(file, "If-None-Match: " + whole.headers.at("etag") + "\r\n").status == 304);
  CHECK(head.problem(416, head.get(file, "Range: bytes=99-\r\n")) == "range_not_satisfiable");
  for (const auto* target : {"/v1/workflows", "/v1/workflows?unfinished=false&limit=1", "/v1/pools", "/v1/pools/local",
                             "/v1/nodes", "/v1/version", "/v1/openapi.json", "/livez", "/readyz",
                             "/readyz?verbose=true", "/metrics", "/v1/audit", "/v1/log-levels"}) {
    INFO(target);
    CHECK(head.get(target).status == 200);
  }
  const auto nodes = json::parse(head.get("/v1/nodes").body);
  CHECK(head.get("/v1/nodes/" + nodes["items"][0]["name"].get<std::string>()).status == 200);
  head.follow("/v1/events?from=earliest&workflow=" + id, "text/event-stream", "event: workflow.submitted");
  CHECK(head.get("/v1/events?from=earliest&limit=2", "Accept: application/cloudevents-batch+json\r\n").status == 200);
}

void change_everything(inspector& head, const std::string& id) {
  const auto workflow = "/v1/workflows/" + id;
  CHECK(head.ask("POST", "/v1/validate", one_task("true"), as_yaml).status == 200);
  CHECK(head.ask("POST", "/v1/workflows?dry_run=true", one_task("true"), as_yaml).status == 200);
  CHECK(head.problem(409, head.ask("POST", workflow + "/cancel")) == "conflict");
  const auto again = id_of(head.ask("POST", workflow + "/restart"));
  wait_for(head, again);
  CHECK(head.ask("POST", workflow + "/retry", R"({"from":"only"})", as_json).status == 202);
  const auto slow = id_of(head.ask("POST", "/v1/workflows", one_task("sleep 60"), as_yaml));
  CHECK(head.problem(409, head.ask("DELETE", "/v1/workflows/" + slow)) == "conflict");
  CHECK(head.problem(412, head.ask("POST", "/v1/workflows/" + slow + "/cancel", {}, "If-Match: \"x\"\r\n")) ==
        "precondition_failed");
  CHECK(head.ask("POST", "/v1/workflows/" + slow + "/cancel", R"({"force":true})", as_json).status == 202);
  CHECK(head.ask("DELETE", "/v1/workflows/" + again).status == 204);
  CHECK(head.problem(404, head.get("/v1/workflows/" + again)) == "not_found");
  CHECK(head.ask("PUT", "/v1/log-levels", R"({"level":"debug"})", as_json).status == 200);

  const auto hook = id_of(head.ask("POST", "/v1/webhooks", R"({"url":"http://127.0.0.1:1/hook"})", as_json));
  for (const auto& tail : {std::string{}, "/" + hook, "/" + hook + "/dead"})
    CHECK(head.get("/v1/webhooks" + tail).status == 200);
  CHECK(head.ask("POST", "/v1/webhooks/" + hook + "/test").status == 200);
  CHECK(head.ask("DELETE", "/v1/webhooks/" + hook).status == 204);
  CHECK(head.problem(404, head.get("/v1/webhooks/" + hook)) == "not_found");
}

/// The policy of a pool is read, changed, and as it was again.
void change_a_policy(inspector& head) {
  const auto pool = std::string{"/v1/pools/farm"};
  const auto before = head.get(pool);
  const auto tag = before.headers.at("etag");
  const auto as_patch = std::string{"Content-Type: application/merge-patch+json\r\n"};
  const auto on = head.ask("PATCH", pool, R"({"policy":{"maintenance":"disks","exec_timeout":{"maximum":"2d"}}})",
                           as_patch + "If-Match: " + tag + "\r\n");
  CHECK(on.status == 200);
  CHECK(on.headers.at("etag") != tag);
  const auto now = json::parse(head.get(pool).body);
  CHECK(now["policy"]["maintenance"] == "disks");
  CHECK(now["maintenance"] == "disks");
  CHECK(now["policy_overrides"] == json({"exec_timeout", "maintenance"}));
  CHECK(head.get(pool).headers.at("etag") == on.headers.at("etag"));
  CHECK(head.problem(412, head.ask("PATCH", pool, R"({"policy":{"maintenance":null}})",
                                   as_patch + "If-Match: " + tag + "\r\n")) == "precondition_failed");
  CHECK(head.problem(400, head.ask("PATCH", pool, R"({"policy":{"quotas":[{"name":"a","guarantee":"x"}]}})",
                                   as_patch)) == "invalid_argument");
  CHECK(head.problem(400, head.ask("PATCH", pool, R"({"driver":"docker"})", as_patch)) == "invalid_argument");
  CHECK(head.problem(400, head.ask("PATCH", pool, R"({"policy":[]})", as_json)) == "invalid_argument");
  CHECK(head.problem(400, head.ask("PATCH", pool, "{}", as_json)) == "invalid_argument");
  CHECK(head.problem(415, head.ask("PATCH", pool, "policy: null", as_yaml)) == "unsupported_media_type");
  CHECK(head.problem(404, head.ask("PATCH", "/v1/pools/none", R"({"policy":null})", as_json)) == "not_found");
  CHECK(head.ask("PATCH", pool, R"({"policy":null})", as_json).status == 200);
  CHECK(json::parse(head.get(pool).body)["policy"] == json::parse(before.body)["policy"]);
  CHECK(head.get(pool).headers.at("etag") == tag);
}

/// A pool comes and goes.
void make_a_pool(inspector& head) {
  const auto made = head.ask("POST", "/v1/pools", R"({"name":"west","node_labels":{"zone":"b"}})", as_json);
  CHECK(made.status == 201);
  CHECK(made.headers.at("location") == "/v1/pools/west");
  CHECK(head.problem(409, head.ask("POST", "/v1/pools", R"({"name":"west"})", as_json)) == "conflict");
  CHECK(head.problem(400, head.ask("POST", "/v1/pools", R"({"name":"w","gpus":2})", as_json)) == "invalid_argument");
  CHECK(head.problem(409, head.ask("DELETE", "/v1/pools/farm")) == "conflict");
  CHECK(head.ask("DELETE", "/v1/pools/west").status == 204);
  CHECK(head.problem(404, head.ask("DELETE", "/v1/pools/west")) == "not_found");
}

/// A node of another machine joins, is looked after, and leaves.
void look_after_a_node(inspector& head, const muster_program& muster) {
  const auto made = json::parse(head.ask("POST", "/v1/tokens", R"({"user":"farm","role":"node"})", as_json).body);
  node_program node(muster, "n1", {"--token-file", muster.file("node.token", made["token"].get<std::string>() + "\n")});
  REQUIRE(becomes(muster, "n1", "ready"));
  for (const auto* what : {"cordon", "uncordon", "drain"})
    CHECK(head.ask("POST", std::string{"/v1/nodes/n1/"} + what, "{}", as_json).status == 202);
  CHECK(head.ask("POST", "/v1/nodes/n1/drain", R"({"reason":"new disks","deadline":600})", as_json).status == 202);
  CHECK(head.problem(400, head.ask("POST", "/v1/nodes/n1/drain", R"({"deadline":"soon"})", as_json)) ==
        "invalid_argument");
  CHECK(head.problem(400, head.ask("POST", "/v1/nodes/n1/cordon", R"({"deadline":600})", as_json)) ==
        "invalid_argument");
  CHECK(head.problem(404, head.ask("POST", "/v1/nodes/n9/cordon", "{}", as_json)) == "not_found");
  CHECK(head.problem(409, head.ask("DELETE", "/v1/nodes/n1")) == "conflict"); // Its agent is there.
  CHECK(node.stop(SIGTERM).exit_code == 0);
  REQUIRE(becomes(muster, "n1", "suspect"));
  CHECK(head.ask("DELETE", "/v1/nodes/n1?force=true").status == 200);
}

/// What every route says of a request that it does not take.
void refuse_everything(inspector& head, const muster_program& muster, head_program& process) {
  CHECK(head.problem(400, head.get("/v1/workflows?limit=x")) == "invalid_argument");
  CHECK(head.problem(400, head.get("/v1/workflows?colour=red")) == "invalid_argument");
  CHECK(head.problem(400, head.ask("POST", "/v1/tokens", "{", as_json)) == "invalid_argument");
  CHECK(head.problem(400, head.ask("POST", "/v1/webhooks", R"({"url":"http://169.254.169.254/"})", as_json)) ==
        "invalid_argument");
  CHECK(head.problem(404, head.get("/v1/nothing")) == "not_found");
  CHECK(head.problem(405, head.ask("PATCH", "/v1/workflows")) == "method_not_allowed");
  CHECK(head.problem(406, head.get("/v1/events", "Accept: text/html\r\n")) == "not_acceptable");
  CHECK(head.problem(410, head.get("/v1/events?after=0", "Accept: application/x-ndjson\r\nMuster-Log-Id: "
                                                         "00000000-0000-4000-8000-000000000000\r\n")) == "gone");
  CHECK(head.problem(413, head.ask("POST", "/v1/workflows", std::string(70'000, '#'), as_yaml)) == "payload_too_large");
  CHECK(head.problem(414, head.get("/v1/workflows?name=" + std::string(9'000, 'x'))) == "target_too_long");
  CHECK(head.problem(415, head.ask("POST", "/v1/workflows", one_task("true"), "Content-Type: text/html\r\n")) ==
        "unsupported_media_type");
  CHECK(head.problem(422, head.ask("POST", "/v1/workflows", "workflow: {}", as_yaml)) == "invalid_spec");
  const auto key = as_yaml + "Idempotency-Key: one\r\n";
  CHECK(head.ask("POST", "/v1/workflows", one_task("true"), key).status == 201);
  CHECK(head.ask("POST", "/v1/workflows", one_task("true"), key).status == 200);
  CHECK(head.problem(422, head.ask("POST", "/v1/workflows", one_task("false"), key)) == "idempotency_mismatch");
  CHECK(head.problem(431, head.get("/livez", "X-Much: " + std::string(40'000, 'x') + "\r\n")) == "header_too_large");

  muster.file("contract.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                   "}\nserver: {limits: {body_bytes: 64Ki}}\nadmission: {min_free: 1000Ti}\n");
  process.process().signal(SIGHUP);
  REQUIRE(process.wait_for_log("changed=\"admission.min_free"));
  CHECK(head.problem(507, head.ask("POST", "/v1/workflows", one_task("true"), as_yaml)) == "store_full");
}

} // namespace

TEST_CASE("a head that runs answers everything as docs/openapi.yaml says, and docs/openapi.yaml says everything") {
  const muster_program muster;
  const auto config = muster.file("contract.yaml", "log: {file: " + (muster.folder() / "head.log").string() +
                                                       "}\nserver: {limits: {body_bytes: 64Ki}}\nwebhooks: "
                                                       "{allow_private: true}\nagents: {listen: \"127.0.0.1:0\"}\n"
                                                       "pools: {farm: {driver: agents}}\n");
  head_program process(muster, {"--config", config});
  REQUIRE(process.ready());
  inspector head(process.address());
  CHECK(head.problem(401, head.get("/v1/workflows")) == "unauthorized");
  head.use(first_line(muster.state() / "admin.token"));

  const auto submitted = head.ask("POST", "/v1/workflows",
                                  one_task("mkdir -p {{output}}/deep; echo text > {{output}}/deep/a.txt; "
                                           "echo hello; echo '{\"a\": 1}' > $MUSTER_RESULT"),
                                  as_yaml);
  REQUIRE(submitted.status == 201);
  const auto id = id_of(submitted);
  wait_for(head, id);
  read_everything(head, id);
  change_everything(head, id);
  change_a_policy(head);
  make_a_pool(head);
  look_after_a_node(head, muster);

  const auto made = json::parse(head.ask("POST", "/v1/tokens", R"({"user":"ann","role":"user"})", as_json).body);
  CHECK(head.get("/v1/tokens").status == 200);
  CHECK(head.get("/v1/tokens/" + made["id"].get<std::string>()).status == 200);
  refuse_everything(head, muster, process);
  const auto admin = first_line(muster.state() / "admin.token");
  head.use(made["token"]);
  CHECK(head.problem(403, head.get("/v1/audit")) == "forbidden");
  CHECK(head.problem(403, head.ask("POST", "/v1/pools", R"({"name":"east"})", as_json)) == "forbidden");
  CHECK(head.problem(403, head.ask("DELETE", "/v1/pools/farm")) == "forbidden");
  CHECK(head.problem(403, head.ask("PATCH", "/v1/pools/farm", R"({"policy":null})", as_json)) == "forbidden");
  CHECK(head.problem(404, head.get("/v1/workflows/" + id)) == "not_found"); // It is somebody else's.
  head.use(admin);
  CHECK(head.ask("DELETE", "/v1/tokens/" + made["id"].get<std::string>()).status == 204);
  head.use("mst_" + std::string(43, 'A')); // A guess.
  std::set<std::string> codes;
  for (int i = 0; i < 20; ++i) {
    const auto refused = head.get("/v1/version");
    codes.insert(head.problem(static_cast<unsigned>(refused.status), refused));
  }
  CHECK(codes == std::set<std::string>{"too_many_requests", "unauthorized"});

  // Nothing of the description was left out here, and nothing was asked for that it does not have.
  std::set<std::string> seen;
  for (const auto& x : head.operations())
    if (x.rfind("HEAD ", 0) != 0)
      seen.insert(x);
  const auto all = api_contract::instance().operations();
  for (const auto& x : all) {
    INFO(x << " is in docs/openapi.yaml, and was never answered well");
    CHECK(seen.count(x) == 1);
  }
  for (const auto& x : seen) {
    INFO(x << " was answered, and is not in docs/openapi.yaml");
    CHECK(std::find(all.begin(), all.end(), x) != all.end());
  }
}
