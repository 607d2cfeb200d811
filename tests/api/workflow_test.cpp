#include "muster/muster.hpp"

#include "support/catch.hpp"

#include <optional>
#include <string>
#include <vector>

namespace api = muster;
using muster::dict;
using muster::list;
using muster::value;

namespace {

std::string problems_of(const muster::workflow& w) {
  const auto checked = w.check();
  return checked ? std::string{} : checked.failure().message;
}

} // namespace

TEST_CASE("a value is what it was made of") {
  const value x = dict{{"a", 1}, {"b", list{1.5, "two", nullptr, true}}, {"c", std::vector<int>{1, 2}}};
  CHECK(x.to_json() == R"({"a":1,"b":[1.5,"two",null,true],"c":[1,2]})");
  CHECK(x["a"].as_integer() == 1);
  CHECK(x["b"][1].as_text() == "two");
  CHECK(x["b"][9].is_null());
  CHECK(x["no"]["such"].is_null());
  CHECK(x.has("c"));
  CHECK_FALSE(x.has("d"));
  CHECK(value::from_json(x.to_json()).value() == x);
  CHECK(value(1) == value(1.0));
  CHECK(value(dict{{"a", 1}, {"b", 2}}) == value(dict{{"b", 2}, {"a", 1}}));
  CHECK(value(1) != value("1"));
  CHECK(value(1e-5).to_json() == "1.0e-05");
  CHECK(value::from_json("[1,").failure().code == muster::ec::invalid_argument);
  CHECK(value::from_json(std::string(100000, '[')).failure().code == muster::ec::invalid_argument);
}

TEST_CASE("a handle as an argument becomes a token, and a step that is waited for") {
  muster::workflow w{"w"};
  const auto split = w.task("split", {"split"});
  const auto work = w.map("work", split.result("chunks"), {"work", muster::item("x"), muster::index()});
  const auto merge =
      w.task("merge", {"merge", work, work[3], split.result("total"), "--in=" + split.output(), 4, true});
  CHECK(split.result("a.b").token() == "{{result:split.a.b}}");
  CHECK(split.result()["a"][2].token() == "{{result:split.a.2}}");
  CHECK(work[3].result("x").token() == "{{result:work.3.x}}");
  CHECK(muster::item("x").token() == "{{item.x}}");
  CHECK(problems_of(w).empty());
  const auto text = w.to_yaml();
  INFO(text);
  CHECK_THAT(text, ContainsSubstring("command: [work, \"{{item.x}}\", \"{{index}}\"]"));
  for (const auto* word :
       {"{{result:work}}", "{{result:work.3}}", "{{result:split.total}}", "--in={{input:split}}", "4", "true"})
    CHECK_THAT(text, ContainsSubstring(std::string("- \"") + word + "\"\n"));
  CHECK_THAT(text, ContainsSubstring("- task: split"));
}

TEST_CASE("a vector of handles becomes an argument each") {
  muster::workflow w{"w"};
  const std::vector<muster::step> parts{w.task("a", {"a"}), w.task("b", {"b"})};
  const auto all = w.task("all", {"all", parts, std::vector<value>{1, parts[0], "x"}});
  CHECK_THAT(w.to_yaml(),
             ContainsSubstring("command: [all, \"{{result:a}}\", \"{{result:b}}\", \"1\", \"{{result:a}}\", x]"));
  CHECK(problems_of(w).empty());
  // In one text a result that is a text would lose its quotes.
  auto bad = w.task("bad", {"bad"}).env("ALL", parts);
  CHECK_THAT(problems_of(w), ContainsSubstring("step 'bad': variable ALL holds a list or dict of results as one text"));
}

TEST_CASE("handles compared are conditions") {
  muster::workflow w{"w"};
  const auto toss = w.task("toss-it", {"toss"});
  CHECK((toss.result() == "heads").text() == "results[\"toss-it\"] == \"heads\"");
  CHECK((toss.result("n") > 3 && !(muster::item("ok") != true)).text() ==
        "(results[\"toss-it\"].n > 3) and (not (item.ok != true))");
  CHECK((muster::index() < w.parameter("most", 7)).text() == "index < parameters.most");
  CHECK((toss.result("3.x") == nullptr).text() == "results[\"toss-it\"][3].x == none");
}

TEST_CASE("everything that a spec has can be said") {
  muster::workflow w{"all-of-it"};
  w.image("alpine:3.20").label("team", "a").timeout(std::chrono::hours(1), std::chrono::minutes(5));
  const auto count = w.parameter("count", dict{{"default", 3}});
  auto prepare = w.task("prepare", {"prepare", count["default"]})
                     .cpu(2)
                     .memory("4Gi")
                     .env("SEED", 7)
                     .file("/tmp/x", "text {{item}}")
                     .on_exit("3", muster::exit_action::complete)
                     .on_exit("75", muster::exit_action::reschedule)
                     .on_exit("80-90", muster::exit_action::reschedule)
                     .output("file:///tmp/out")
                     .retry(3, std::chrono::seconds(10), {"1", "2-5", "FAILED_EVICTED"})
                     .timeout(std::chrono::minutes(2))
                     .cache();
  prepare.file("/tmp/x", "text");
  auto talk = w.group("talk").barrier(false).after(prepare, muster::on::always);
  const auto server = talk.member("server", {"serve"}).lead();
  talk.member("client", {"ask", server.host()}).gpu(1);
  auto grid = muster::axes{{"lr", std::vector<double>{0.1, 0.2}}, {"batch", list{32, 64}}};
  grid.exclude({{"lr", 0.1}, {"batch", 64}}).include({{"lr", 9}, {"batch", 1}});
  auto train = w.map("train", grid,
                     [](muster::scope& inner) {
                       const auto fit = inner.task("fit", {"fit", muster::item("lr")});
                       inner.result(fit.result());
                     })
                   .max_parallel(2)
                   .max_failures(1)
                   .allow_partial()
                   .best("accuracy")
                   .on_failure({"mend"});
  w.map("numbers", muster::range{1, 10, 3}, {"n", muster::item()}).fail_fast().reduce(muster::reduction::mean, "a.b");
  w.map("next", w.map("first", {1, "two", dict{{"x", prepare}}}, {"f"}), {"g", muster::item()});
  w.branches("both",
             {{"a", [](muster::scope& x) { x.task("t", {"t"}); }}, {"b", [](muster::scope& x) { x.task("t", {"t"}); }}})
      .when(train.result("accuracy") > 0.5);
  w.switch_on("route", prepare.result("side"), {{"heads", [](muster::scope& x) { x.task("h", {"h"}); }}},
              [](muster::scope& x) { x.task("other", {"o"}); });
  w.nested("loop",
           [](muster::scope& x) {
             x.task("again", {"again", muster::carry("n")});
           })
      .repeat(10, muster::round_result("done"), {{"n", 0}})
      .on_failure([](muster::scope& x) { x.task("cry", {"cry"}); });
  INFO(w.to_yaml());
  // The same path twice is the only thing wrong.
  CHECK_THAT(problems_of(w), ContainsSubstring("step 'prepare': files[1].path: path '/tmp/x' is that of files[0]"));
}

TEST_CASE("all that is wrong is said, by the names of steps") {
  muster::workflow w{"w"};
  w.nested("outer", [](muster::scope& x) { x.task("inner", {"run", muster::item()}); });
  w.task("reads", {"cat", muster::reference("{{result:nobody}}", "results.nobody")});
  w.task("reads", {"true"});
  w.task("typo", {"true"}).set("imaeg", "x");
  w.task("odd", {"cat", w.task("some", {"true"}).result("a path")});
  const auto problems = problems_of(w);
  INFO(problems);
  CHECK_THAT(problems, ContainsSubstring("step 'outer.inner': command"));
  CHECK_THAT(problems, ContainsSubstring("there is no `item` here"));
  CHECK_THAT(problems, ContainsSubstring("there is no step 'nobody' here"));
  CHECK_THAT(problems, ContainsSubstring("did you mean 'image'?"));
  CHECK_THAT(problems, ContainsSubstring("not-a-path-of-letters-digits-and-dots"));
  CHECK(w.check().failure().code == muster::ec::invalid_spec);
  CHECK_THROWS_AS(w.check().or_throw(), muster::failure);
}

TEST_CASE("a handle of another workflow is refused where that can be seen") {
  muster::workflow a{"a"};
  muster::workflow b{"b"};
  const auto same_name = a.task("same", {"true"});
  b.task("same", {"true"});
  b.task("next", {"true"}).after(same_name);
  CHECK_THAT(problems_of(b),
             ContainsSubstring("step 'next': `after` names a neighbour, and 'same' is of another workflow"));
}

TEST_CASE("a handle keeps its workflow alive") {
  std::optional<muster::step> leaf;
  {
    muster::workflow w{"w"};
    w.nested("outer", [&](muster::scope& x) { leaf = x.task("leaf", {"true"}); });
  }
  CHECK(leaf->path() == "outer.leaf");
}

TEST_CASE("steps that wait for each other in a circle are refused") {
  muster::workflow w{"w"};
  auto a = w.task("a", {"true"});
  const auto b = w.task("b", {"cat", a});
  a.after(b);
  CHECK_THAT(problems_of(w), ContainsSubstring("wait for each other in a circle: a -> b -> a"));
}

TEST_CASE("texts are no templates") {
  const std::vector<std::string> hostile{"${#x}",
                                         "{% raw %}",
                                         "{{ 1 + 1 }}",
                                         "{{{output}}}",
                                         "{{unknown}}",
                                         "\\u0001",
                                         "a\nb\t\"c\" \\",
                                         "\x01{{\x7f",
                                         "default-values",
                                         "{{item",
                                         "{{result:}}",
                                         "{{{{{{",
                                         "é \xc2\x85 \xef\xbb\xbf",
                                         "yes",
                                         "1e3",
                                         "# no comment",
                                         "- x: y",
                                         ""};
  for (const auto& text : hostile) {
    muster::workflow w{"w"};
    w.task("t", {"echo", text}).env("X", text);
    INFO(text << "\n" << w.to_yaml());
    CHECK(problems_of(w).empty());
  }
}
