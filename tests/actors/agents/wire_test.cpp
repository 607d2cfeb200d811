#include "actors/agents/wire.hpp"

#include "support/catch.hpp"

#include <caf/all.hpp>

using namespace muster;
using namespace muster::agent;

namespace {

attempt_spec_ptr spec_with(std::size_t bytes) {
  auto x = std::make_shared<attempt_spec>();
  x->id = {{3}, {4}, 5};
  x->lease = {9};
  x->task.name = "t";
  x->task.environment = {{"LONG", std::string(bytes, 'x')}};
  x->folder = "/head/workflows/w/tasks/t.5";
  return x;
}

node_command prepare(attempt_spec_ptr x) {
  return {node_verb::prepare, x->id, x->lease, 0, x};
}

/// A message as the other side gets it.
template <class T>
T carried(const T& x) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::vector<char> bytes;
  caf::binary_serializer out{system, bytes};
  REQUIRE_FALSE(out(const_cast<T&>(x)));
  T got;
  caf::binary_deserializer in{system, bytes};
  REQUIRE_FALSE(in(got));
  return got;
}

} // namespace

TEST_CASE("no more batches are under way than the window allows") {
  outbox<commands> box;
  box.add(commands{});
  CHECK_FALSE(box.take().has_value());
  box.begin(7);
  for (std::uint64_t i = 0; i < window + 3; ++i)
    box.add(commands{});
  std::uint64_t taken = 0;
  while (const auto x = box.take()) {
    CHECK(x->session == 7);
    CHECK(x->number == ++taken);
  }
  CHECK(taken == window);
  box.acknowledge(6, 2);
  box.acknowledge(7, window + 1);
  CHECK_FALSE(box.take().has_value());
  box.acknowledge(7, 2);
  CHECK(box.take().has_value());
  CHECK(box.take().has_value());
  CHECK_FALSE(box.take().has_value());
  CHECK(box.waiting() == 1);
  box.begin(8);
  CHECK(box.waiting() == 0);
}

TEST_CASE("batches of another session, or out of order, are dropped") {
  inbox box;
  CHECK_FALSE(box.accept(0, 1));
  box.begin(4);
  CHECK_FALSE(box.accept(3, 1));
  CHECK_FALSE(box.accept(4, 2));
  CHECK(box.accept(4, 1));
  CHECK_FALSE(box.accept(4, 1));
  CHECK(box.accept(4, 2));
  box.begin(5);
  CHECK_FALSE(box.accept(4, 3));
  CHECK(box.accept(5, 1));
}

TEST_CASE("a description of any size comes over in messages that are small") {
  for (const std::size_t bytes : {std::size_t{10}, most_bytes, 5 * most_bytes + 17}) {
    outbox<commands> box;
    box.begin(1);
    const auto sent = spec_with(bytes);
    REQUIRE(queue(box, prepare(sent), "/head"));
    REQUIRE(queue(box, {node_verb::start, sent->id, sent->lease, 0, nullptr}, "/head"));
    command_reader reader{"/node"};
    std::vector<node_command> got;
    while (auto batch = box.take()) {
      std::size_t size = 0;
      for (auto& x : carried(*batch).list) {
        size += x.text.size();
        auto read = reader.read(std::move(x));
        REQUIRE(read);
        if (*read)
          got.push_back(**read);
      }
      CHECK(size <= most_bytes);
    }
    REQUIRE(got.size() == 2);
    CHECK(got[0].verb == node_verb::prepare);
    CHECK(got[0].spec->task.environment == sent->task.environment);
    CHECK(got[0].spec->folder == "/node/workflows/w/tasks/t.5");
    CHECK(got[1].verb == node_verb::start);
    CHECK(got[1].lease == sent->lease);
  }
}

TEST_CASE("a description that no node would take is refused where it comes from") {
  outbox<commands> box;
  box.begin(1);
  const auto queued = queue(box, prepare(spec_with(most_description)), "/head");
  REQUIRE_FALSE(queued);
  CHECK(queued.failure().code == ec::limit_exceeded);
  CHECK(box.waiting() == 0);
}

TEST_CASE("what is no command is an error, and pieces do not grow without end") {
  command_reader reader{"/node"};
  const attempt_id id{{3}, {4}, 5};
  CHECK_FALSE(reader.read({0, id, {9}, 0, ""}));
  CHECK_FALSE(reader.read({77, id, {9}, 0, ""}));
  CHECK_FALSE(reader.read({1, id, {9}, 0, "{}"}));
  const std::string part(most_bytes, 'x');
  bool refused = false;
  for (std::size_t i = 0; i < 2 * most_description / most_bytes && !refused; ++i)
    refused = !reader.read({piece, id, {9}, 0, part});
  CHECK(refused);

  // Another attempt's description under this one's name.
  outbox<commands> box;
  box.begin(1);
  REQUIRE(queue(box, prepare(spec_with(1)), "/head"));
  auto changed = box.take()->list.front();
  changed.id.number = 6;
  CHECK_FALSE(reader.read(changed));
}

TEST_CASE("reports of different kinds do not share a batch") {
  outbox<reports> box;
  box.begin(1);
  node_report x;
  x.lease = {2};
  x.what.kind = report_kind::exited;
  x.what.exit.code = 3;
  x.what.exit.ended = timestamp{duration{1'234'567}};
  x.what.exit.result = "{}";
  queue(box, x, reports_kind::held);
  queue(box, x, reports_kind::held);
  queue(box, x, reports_kind::held_last);
  queue(box, x, reports_kind::news);
  const auto first = carried(*box.take());
  CHECK(first.kind == reports_kind::held);
  REQUIRE(first.list.size() == 2);
  CHECK(first.list[0].lease == epoch{2});
  CHECK(first.list[0].what.kind == report_kind::exited);
  CHECK(first.list[0].what.exit.code == 3);
  CHECK(first.list[0].what.exit.ended == x.what.exit.ended);
  CHECK(first.list[0].what.exit.result == "{}");
  CHECK(box.take()->kind == reports_kind::held_last);
  CHECK(box.take()->kind == reports_kind::news);
}

TEST_CASE("a result of any size comes over in messages that are small") {
  const auto kind = GENERATE(reports_kind::news, reports_kind::held);
  for (const std::size_t bytes : {std::size_t{0}, most_bytes, 4 * most_bytes, 4 * most_bytes + 17}) {
    outbox<reports> box;
    box.begin(1);
    node_report sent;
    sent.lease = {2};
    sent.then_start = true;
    sent.what.id = {{3}, {4}, 5};
    sent.what.kind = report_kind::exited;
    sent.what.exit.code = 3;
    sent.what.exit.message = "why";
    for (std::size_t i = 0; i < bytes; ++i)
      sent.what.exit.result += static_cast<char>('a' + i % 23);
    auto next = sent;
    next.what.id.number = 6;
    queue(box, sent, kind);
    queue(box, next, kind);
    report_reader reader;
    node_reports got;
    while (const auto batch = box.take()) {
      std::size_t size = 0;
      CHECK(batch->kind == kind);
      for (const auto& x : carried(*batch).list) {
        size += x.what.exit.result.size();
        auto read = reader.read(x);
        REQUIRE(read);
        if (*read)
          got.push_back(**read);
      }
      CHECK(size <= most_bytes);
    }
    REQUIRE(got.size() == 2);
    CHECK(got[0].lease == sent.lease);
    CHECK(got[0].then_start);
    CHECK(got[0].what.id == sent.what.id);
    CHECK(got[0].what.kind == report_kind::exited);
    CHECK(got[0].what.exit.code == 3);
    CHECK(got[0].what.exit.message == "why");
    CHECK((got[0].what.exit.result == sent.what.exit.result));
    CHECK(got[1].what.id == next.what.id);
    CHECK((got[1].what.exit.result == sent.what.exit.result));
  }
}

TEST_CASE("pieces of a result come one after the other, and do not grow without end") {
  report x;
  x.lease = {2};
  x.what.id = {{3}, {4}, 5};
  x.what.kind = report_kind::exited;
  x.what.exit.result = "{";
  x.is_piece = true;
  report_reader reader;
  REQUIRE(reader.read(x));
  auto other = x;
  other.is_piece = false;
  SECTION("another attempt") {
    other.what.id.number = 6;
    CHECK_FALSE(reader.read(other));
  }
  SECTION("another life") {
    other.lease = {3};
    CHECK_FALSE(reader.read(other));
  }
  SECTION("another session") {
    reader.clear();
  }
  SECTION("too much") {
    x.what.exit.result = std::string(most_bytes, 'x');
    bool refused = false;
    for (std::size_t i = 0; i < 2 * most_result / most_bytes && !refused; ++i)
      refused = !reader.read(x);
    CHECK(refused);
  }
  const auto read = reader.read(other);
  REQUIRE(read);
  REQUIRE(*read);
  CHECK((*read)->what.exit.result == "{"); // Nothing of what was begun is left.
}

TEST_CASE("the greeting of an agent and its answer come over whole") {
  hello x;
  x.node = "n1";
  x.pool = "gpu";
  x.memory = "abc";
  x.incarnation = 77;
  x.token = "secret";
  x.labels = {{"rack", "r1"}};
  x.address = "10.0.0.1";
  const auto got = carried(x);
  CHECK(got.version == protocol_version);
  CHECK(got.node == "n1");
  CHECK(got.labels == x.labels);
  CHECK(got.address == x.address);
  CHECK(got.token == "secret");
  const auto answer = carried(welcome{1, 5, "head", 9, "/state", 250});
  CHECK(answer.head == "head");
  CHECK(answer.session == 9);
  CHECK(answer.root == "/state");
  CHECK(answer.alive_every == 250);
}
