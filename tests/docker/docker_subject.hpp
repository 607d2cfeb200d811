#pragma once

#include "drivers/harness.hpp"
#include "executors/docker/docker_config.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace muster::test {

/// The configuration of a pool for a test: its head is known by the state directory.
[[nodiscard]] docker_pool_config docker_test_config(const std::filesystem::path& socket,
                                                    const std::filesystem::path& state);

/// Removes all containers and networks of the head of `state`; how many there were.
std::size_t remove_everything(const std::filesystem::path& socket, const std::filesystem::path& state);

/// How many containers and networks of the head of `state` there are.
[[nodiscard]] std::size_t count_everything(const std::filesystem::path& socket, const std::filesystem::path& state);

/// The state of a container of that daemon; empty if there is none of that name.
[[nodiscard]] std::string container_state(const std::filesystem::path& socket, const std::string& name);

/// A command of a shell, in busybox.
void say_shell(attempt_spec& spec, const std::string& script);

} // namespace muster::test
