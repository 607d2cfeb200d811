#include "muster/api/workflow.hpp"

#include "nodes.hpp"
#include "render.hpp"

#include <algorithm>

namespace muster::api {

namespace {

std::shared_ptr<step_node> make_step(const std::string& name, step_kind kind,
                                     const std::shared_ptr<scope_node>& around) {
  auto node = std::make_shared<step_node>();
  node->name = name;
  node->kind = kind;
  node->around = around;
  return node;
}

std::shared_ptr<step_node> add_step(const std::shared_ptr<scope_node>& around, const std::string& name,
                                    step_kind kind) {
  return around->steps.emplace_back(make_step(name, kind, around));
}

std::shared_ptr<scope_node> make_scope(const std::shared_ptr<step_node>& owner, const std::string& label) {
  auto node = std::make_shared<scope_node>();
  node->owner = owner;
  node->label = label;
  return node;
}

std::string milliseconds_text(std::chrono::milliseconds x) {
  return std::to_string(x.count()) + "ms";
}

std::string word_of(on x) {
  switch (x) {
    case on::success: return "success";
    case on::success_or_skipped: return "success_or_skipped";
    case on::failure: return "failure";
    case on::always: return "always";
  }
  return "success";
}

std::string word_of(reduction x) {
  switch (x) {
    case reduction::collect: return "collect";
    case reduction::sum: return "sum";
    case reduction::min: return "min";
    case reduction::max: return "max";
    case reduction::mean: return "mean";
  }
  return "collect";
}

} // namespace

void step_node::put(const std::string& key, value x) {
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == keys.end())
    keys.emplace_back(key, std::move(x));
  else
    found->second = std::move(x);
}

std::string path_of(const step_node& x) {
  const auto around = x.around.lock();
  const auto owner = around ? around->owner.lock() : nullptr;
  if (!owner)
    return x.name;
  return path_of(*owner) + (around->label.empty() ? "." : "." + around->label + ".") + x.name;
}

// -- step

step& step::put(const char* key, value x) {
  node_->put(key, std::move(x));
  return *this;
}

step& step::image(const std::string& name) {
  node_->image = name;
  return *this;
}

step& step::cpu(std::uint32_t count) {
  node_->needs.cpu = count;
  return *this;
}

step& step::gpu(std::uint32_t count) {
  node_->needs.gpu = count;
  return *this;
}

step& step::memory(const std::string& size) {
  node_->needs.memory = size;
  return *this;
}

step& step::storage(const std::string& size) {
  node_->needs.storage = size;
  return *this;
}

step& step::env(const std::string& name, const text& x) {
  auto& all = node_->environment;
  all.erase(std::remove_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first == name; }), all.end());
  all.emplace_back(name, x);
  return *this;
}

step& step::file(const std::string& path, const std::string& contents) {
  node_->files.emplace_back(dict{{"path", path}, {"contents", contents}});
  return *this;
}

namespace {

value with_regex(dict entry, const std::string& regex) {
  if (!regex.empty())
    entry.emplace_back("regex", regex);
  return entry;
}

} // namespace

step& step::input(const step& from, const std::string& regex) {
  if (from.whole_ != whole_)
    node_->problems.push_back("its input '" + from.path() + "' is of another workflow");
  node_->inputs.push_back(with_regex({{"task", from.name()}}, regex));
  return *this;
}

step& step::input(const std::string& url, const std::string& regex) {
  node_->inputs.push_back(with_regex({{"url", url}}, regex));
  return *this;
}

step& step::output(const std::string& url, const std::string& regex) {
  node_->outputs.push_back(with_regex({{"url", url}}, regex));
  return *this;
}

step& step::on_exit(const std::string& codes, exit_action then) {
  node_->exit_actions.emplace_back(codes, then);
  return *this;
}

step& step::lead(bool is) {
  return put("lead", is);
}

step& step::set(const std::string& key, value x) {
  node_->put(key, std::move(x));
  return *this;
}

step step::member(const std::string& name, const command& what) {
  auto node = make_step(name, step_kind::member, node_->around.lock());
  node->words = what.words();
  node_->members.push_back(node);
  return {node, whole_};
}

step& step::barrier(bool is) {
  return put("barrier", is);
}

step& step::after(const step& other, on when) {
  if (other.node_->around.lock() != node_->around.lock())
    node_->problems.push_back("`after` names a neighbour, and '" + other.path() + "' is of another workflow");
  node_->after.emplace_back(dict{{"task", other.name()}, {"on", word_of(when)}});
  return *this;
}

step& step::after(const std::vector<step>& others, on when) {
  for (const auto& other : others)
    after(other, when);
  return *this;
}

step& step::when(const expression& condition) {
  return put("when", condition.text());
}

step& step::on_failure(const command& what) {
  node_->failure_task = make_step("", step_kind::task, node_->around.lock());
  node_->failure_task->words = what.words();
  node_->failure_scope.reset();
  return *this;
}

step& step::on_failure(const fill& steps) {
  node_->failure_scope = make_scope(node_, "on_failure");
  node_->failure_task.reset();
  scope inner(node_->failure_scope, whole_);
  steps(inner);
  return *this;
}

step& step::repeat(std::uint32_t max, const expression& until, dict carried) {
  dict entry{{"max", max}};
  if (!until.empty())
    entry.emplace_back("until", until.text());
  if (!carried.empty())
    entry.emplace_back("carry", std::move(carried));
  return put("repeat", std::move(entry));
}

step& step::timeout(std::chrono::milliseconds limit) {
  return put("timeout", milliseconds_text(limit));
}

step& step::retry(std::uint32_t max, std::chrono::milliseconds backoff, const std::vector<std::string>& reasons) {
  dict entry{{"max", max}};
  if (backoff.count() != 0)
    entry.emplace_back("backoff", milliseconds_text(backoff));
  if (!reasons.empty())
    entry.emplace_back("on", reasons);
  return put("retry", std::move(entry));
}

step& step::cache(const std::string& key) {
  return put("cache", key.empty() ? value(true) : value(key));
}

step& step::foreach(const items& over) {
  node_->is_map = true;
  return put("foreach", over.spec());
}

step& step::max_parallel(std::uint32_t count) {
  return put("max_parallel", count);
}

step& step::fail_fast(bool is) {
  return put("fail_fast", is);
}

step& step::max_failures(std::uint32_t count) {
  return put("max_failures", count);
}

step& step::allow_partial(bool is) {
  return put("allow_partial", is);
}

step& step::reduce(reduction how, const std::string& path) {
  return put("reduce", path.empty() ? value(word_of(how)) : value(dict{{word_of(how), path}}));
}

step& step::best(const std::string& by, bool smallest) {
  return put("reduce", dict{{"best", dict{{"by", by}, {"order", smallest ? "min" : "max"}}}});
}

const std::string& step::name() const noexcept {
  return node_->name;
}

std::string step::path() const {
  return path_of(*node_);
}

// -- scope

reference scope::parameter(const std::string& name, value preset) {
  node_->parameters.emplace_back(name, std::move(preset));
  return {"{{parameter:" + name + "}}", "parameters." + name};
}

step scope::task(const std::string& name, const command& what) {
  auto node = add_step(node_, name, step_kind::task);
  node->words = what.words();
  return {node, whole_};
}

step scope::map(const std::string& name, const items& over, const command& what) {
  return task(name, what).foreach(over);
}

step scope::map(const std::string& name, const items& over, const fill& steps) {
  return nested(name, steps).foreach(over);
}

step scope::group(const std::string& name) {
  return {add_step(node_, name, step_kind::group), whole_};
}

namespace {

/// Adds the scopes to the node, and gives each to its function.
template <class Make>
void fill_all(const std::shared_ptr<step_node>& node, const named_scopes& all, Make make_handle) {
  for (const auto& [label, fill_one] : all) {
    auto& inner = node->scopes.emplace_back(make_scope(node, label));
    make_handle(inner, fill_one);
  }
}

} // namespace

step scope::nested(const std::string& name, const fill& steps) {
  auto node = add_step(node_, name, step_kind::nested);
  scope inner(node->scopes.emplace_back(make_scope(node, "")), whole_);
  steps(inner);
  return {node, whole_};
}

step scope::branches(const std::string& name, const named_scopes& all) {
  auto node = add_step(node_, name, step_kind::branches);
  fill_all(node, all, [&](const std::shared_ptr<scope_node>& x, const fill& steps) {
    scope inner(x, whole_);
    steps(inner);
  });
  return {node, whole_};
}

step scope::switch_on(const std::string& name, const expression& value, const named_scopes& cases,
                      const fill& otherwise) {
  auto node = add_step(node_, name, step_kind::choice);
  node->switch_value = value.text();
  fill_all(node, cases, [&](const std::shared_ptr<scope_node>& x, const fill& steps) {
    scope inner(x, whole_);
    steps(inner);
  });
  if (otherwise) {
    node->otherwise = make_scope(node, "default");
    scope inner(node->otherwise, whole_);
    otherwise(inner);
  }
  return {node, whole_};
}

scope& scope::result(const expression& x) {
  node_->result = x.text();
  return *this;
}

// -- workflow

workflow::workflow(const std::string& name) : scope(std::make_shared<scope_node>(), nullptr) {
  whole_ = node_;
  node_->header.emplace();
  node_->header->name = name;
}

workflow& workflow::image(const std::string& name) {
  node_->header->image = name;
  return *this;
}

workflow& workflow::label(const std::string& name, const std::string& x) {
  node_->header->labels.emplace_back(name, x);
  return *this;
}

workflow& workflow::timeout(std::chrono::milliseconds run, std::chrono::milliseconds queue) {
  node_->header->run_limit = run;
  node_->header->queue_limit = queue;
  return *this;
}

result<void> workflow::check() const {
  const auto loaded = load(*node_, {});
  return loaded ? api::result<void>{} : api::result<void>{loaded.failure()};
}

std::string workflow::to_yaml() const {
  return yaml_text(render(*node_).spec);
}

} // namespace muster::api
