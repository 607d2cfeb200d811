#include "local_runtime.hpp"

#include "convert.hpp"
#include "render.hpp"
#include "run_backend.hpp"

#include "executors/docker/docker_driver.hpp"
#include "executors/null/null_driver.hpp"
#include "executors/process/process_driver.hpp"
#include "muster/config/pools.hpp"
#include "muster/store/head_id.hpp"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace muster::api {

namespace {

using driver_ptr = std::unique_ptr<muster::driver>;

result<store::state_directory> directory_of(const local_options& options) {
  if (!options.state_directory.empty()) {
    // Processes are started by a warden that works elsewhere.
    std::error_code problem;
    auto path = std::filesystem::absolute(options.state_directory, problem);
    if (problem)
      return {ec::io_error, "the working directory cannot be told: " + problem.message()};
    return store::state_directory(std::move(path));
  }
  auto found = store::state_directory::resolve([](const char* name) -> const char* { return std::getenv(name); });
  if (!found)
    return to_api(found.failure());
  return *std::move(found);
}

result<driver_ptr> make_docker(const local_options& options, const store::state_directory& directory) {
  docker_pool_config config;
  const auto pull = parse_pull_policy(options.pull);
  if (!pull)
    return {ec::invalid_argument, "pull is always, missing or never, found '" + options.pull + "'"};
  config.pull = *pull;
  if (const auto made = directory.create(); !made)
    return to_api(made.failure());
  auto head = store::head_id(directory);
  if (!head)
    return to_api(head.failure());
  config.host = options.docker_host;
  config.gpus = options.gpus;
  config.state_directory = directory.root();
  config.head = *std::move(head);
  return make_docker_driver(std::move(config));
}

result<driver_ptr> make_driver(const local_options& options, const store::state_directory& directory) {
  if (options.pool == "docker")
    return make_docker(options, directory);
  if (options.pool == "null") {
    null_config config;
    config.total.gpus = options.gpus.value_or(std::vector<std::uint32_t>{});
    return make_null_driver(config);
  }
  if (config::pool_name(options.pool) != "local")
    return {ec::invalid_argument, "a pool is process, docker or null, found '" + options.pool + "'"};
  process_config config;
  config.state_directory = directory.root();
  config.gpus = options.gpus;
  config.keep_work = options.keep_work;
  config.enforce_limits = options.enforce_limits;
  return make_process_driver(std::move(config));
}

/// Under the names that `muster resume` knows.
std::string stored_options(const local_options& x) {
  return value(dict{{"pool", config::pool_name(x.pool)},
                    {"docker_host", x.docker_host},
                    {"pull", x.pool == "docker" ? x.pull : ""},
                    {"max_parallel", x.max_parallel},
                    {"oversubscribe", x.oversubscribe},
                    {"gpus", x.gpus ? value(*x.gpus) : value()},
                    {"max_retries", x.max_retries},
                    {"keep", x.keep_work},
                    {"enforce_limits", x.enforce_limits}})
      .to_json();
}

} // namespace

local_runtime::impl::impl(store::state_directory directory, std::unique_ptr<muster::runtime> engine,
                          store::reader reader, const local_options& options)
    : directory_(std::move(directory)), options_(stored_options(options)), runs_containers_(options.pool == "docker"),
      reader_(std::move(reader)), feed_(std::make_shared<event_feed>(directory_)), engine_(std::move(engine)) {
  engine_->subscribe([feed = std::weak_ptr(feed_)](const std::vector<muster::event>&) {
    if (const auto alive = feed.lock())
      alive->wake();
  });
}

void local_runtime::impl::note_live(workflow_key key) {
  const std::lock_guard lock{mutex_};
  live_.insert(key.value);
}

bool local_runtime::impl::is_live(workflow_key key) {
  const std::lock_guard lock{mutex_};
  return live_.count(key.value) > 0;
}

result<local_runtime> local_runtime::start(const local_options& options) {
  const auto directory = directory_of(options);
  if (!directory)
    return directory.failure();
  auto executor = make_driver(options, *directory);
  if (!executor)
    return executor.failure();
  runtime_config config;
  config.state_directory = directory->root();
  pool_setup only;
  only.name = config::pool_name(options.pool);
  only.executor = *std::move(executor);
  only.max_parallel = options.max_parallel;
  only.oversubscribe = options.oversubscribe;
  config.pools.push_back(std::move(only));
  config.max_retries = options.max_retries;
  config.stop_grace = options.stop_grace;
  auto engine = muster::runtime::start(std::move(config));
  if (!engine)
    return to_api(engine.failure());
  auto reader = store::reader::open(*directory);
  if (!reader)
    return to_api(reader.failure());
  return local_runtime(std::make_shared<impl>(*directory, *std::move(engine), *std::move(reader), options));
}

namespace {

result<std::shared_ptr<run_backend>> accept(const std::shared_ptr<local_runtime::impl>& to,
                                            const result<loaded_workflow>& loaded) {
  if (!loaded)
    return loaded.failure();
  auto accepted = to->engine().submit(loaded->workflow, {loaded->text, "muster", to->options()});
  if (!accepted)
    return to_api(accepted.failure());
  return make_local_run(to, *std::move(accepted));
}

} // namespace

result<run> local_runtime::submit(const workflow& x, const dict& parameters) {
  auto made = accept(impl_, load(*x.node_, parameters, impl_->runs_containers()));
  return made ? result<run>{run(*std::move(made))} : made.failure();
}

result<run> local_runtime::submit_yaml(std::string_view spec, const dict& parameters) {
  auto made = accept(impl_, load(spec, parameters));
  return made ? result<run>{run(*std::move(made))} : made.failure();
}

result<run> local_runtime::resume(const std::string& id) {
  auto accepted = impl_->engine().resume(id);
  if (!accepted)
    return to_api(accepted.failure());
  return run(make_local_run(impl_, *std::move(accepted)));
}

result<run> local_runtime::retry(const std::string& id, const std::string& from) {
  auto accepted = impl_->engine().retry(id, {from});
  if (!accepted)
    return to_api(accepted.failure());
  return run(make_local_run(impl_, *std::move(accepted)));
}

result<run> local_runtime::find(const std::string& id) {
  auto found = impl_->read([&](store::reader& reader) { return reader.workflow(id); });
  if (!found)
    return to_api(found.failure());
  if (!is_group_finished(found->status) && !impl_->is_live(found->key))
    return {ec::conflict, "workflow " + id + " is " + std::string(muster::to_string(found->status)) +
                              " and nobody runs it; resume it"};
  return run(make_local_run(impl_, {found->key, found->id, {}, {}}));
}

} // namespace muster::api
