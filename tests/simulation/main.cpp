#include "world.hpp"

#include "muster/base/log.hpp"
#include "muster/store/writer.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace muster::simulation;

constexpr const char* usage =
    "usage: simulate [--seeds N] [--seed S] [--first S] [--soak] [--twice] [--break R --expect T]\n"
    "  --seeds N   play N seeds (1000), one after the other\n"
    "  --first S   the first of them (1)\n"
    "  --seed S    play this one, and print every step\n"
    "  --soak      play on until stopped\n"
    "  --twice     play each twice: both must go the same way\n"
    "  --break R   break a rule on purpose: amnesia, barrier, gpus, removal or turns\n"
    "  --expect T  a failure must come that has this in its text\n";

struct options {
  std::uint64_t seeds = 1000;
  std::uint64_t first = 1;
  bool single = false;
  bool soak = false;
  bool twice = false;
  planted broken = planted::nothing;
  std::string expected; ///< Of the failure; empty if there must be none.
};

bool read(const std::string& name, planted& into) {
  const std::pair<const char*, planted> all[] = {{"amnesia", planted::amnesia},
                                                 {"barrier", planted::barrier},
                                                 {"gpus", planted::gpus},
                                                 {"removal", planted::removal},
                                                 {"turns", planted::turns}};
  for (const auto& [known, value] : all)
    if (name == known) {
      into = value;
      return true;
    }
  return false;
}

/// What is logged is part of the steps; here it only costs.
class silent final : public muster::log::sink {
public:
  void write(const muster::log::record&) noexcept override {}
};

bool read(int argc, char** argv, options& into) {
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const bool takes = arg == "--seeds" || arg == "--first" || arg == "--seed";
    if (takes && i + 1 < argc) {
      char* end = nullptr;
      const auto value = std::strtoull(argv[++i], &end, 10);
      if (*end != '\0')
        return false;
      (arg == "--seeds" ? into.seeds : into.first) = value;
      into.single = into.single || arg == "--seed";
    } else if (arg == "--break" && i + 1 < argc) {
      if (!read(argv[++i], into.broken))
        return false;
    } else if (arg == "--expect" && i + 1 < argc) {
      into.expected = argv[++i];
    } else if (arg == "--soak") {
      into.soak = true;
    } else if (arg == "--twice") {
      into.twice = true;
    } else {
      return false;
    }
  }
  return true;
}

/// In memory where there is such a file system: a world makes many small files.
std::filesystem::path parent() {
  std::error_code problem;
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory, problem) ? memory : std::filesystem::temp_directory_path();
}

/// Plays seeds. Each has a store of its own, a copy of one that was made before: a third of a world's time would go
/// into making its tables.
class player {
public:
  player() {
    if (const auto made = muster::store::writer::open(muster::store::state_directory{empty_.path()}); !made)
      throw std::runtime_error("no store can be made: " + made.failure().message);
  }

  [[nodiscard]] outcome play(std::uint64_t seed, detail how, planted what) const {
    const muster::test::temporary_folder folder{parent()};
    std::filesystem::copy(empty_.path(), folder.path() / world::head_folder);
    return world{seed, how, what, folder.path()}.play();
  }

private:
  muster::test::temporary_folder empty_{parent()};
};

int report(std::uint64_t seed, const outcome& x) {
  std::printf("seed %llu fails after %llu steps, at %.3f s: %s\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(x.steps), static_cast<double>(x.lasted.count()) / 1e6,
              x.violation->c_str());
  return 1;
}

int play_many(const player& worlds, const options& x) {
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t steps = 0;
  std::uint64_t attempts = 0;
  std::uint64_t played = 0;
  for (auto seed = x.first; x.soak || seed < x.first + x.seeds; ++seed, ++played) {
    const auto got = worlds.play(seed, detail::none, x.broken);
    steps += got.steps;
    attempts += got.attempts;
    if (x.twice && worlds.play(seed, detail::last, x.broken).sum != got.sum) {
      std::printf("seed %llu goes another way the second time\n", static_cast<unsigned long long>(seed));
      return 1;
    }
    if (!got.violation)
      continue;
    if (!x.expected.empty() && got.violation->find(x.expected) != std::string::npos) {
      std::printf("as expected, after %llu seeds: ", static_cast<unsigned long long>(played + 1));
      static_cast<void>(report(seed, got));
      return 0;
    }
    if (x.broken != planted::nothing && !x.expected.empty())
      continue; // It has more than one consequence.
    const auto again = worlds.play(seed, detail::last, x.broken);
    for (const auto& line : again.last_steps)
      std::puts(line.c_str());
    std::printf("replay with: ./dev simulate --seed %llu\n", static_cast<unsigned long long>(seed));
    return report(seed, got);
  }
  if (!x.expected.empty()) {
    std::printf("nothing was noticed in %llu seeds\n", static_cast<unsigned long long>(played));
    return 1;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  std::printf("%llu seeds from %llu on are clean: %llu steps, %llu attempts, %.1f s\n",
              static_cast<unsigned long long>(played), static_cast<unsigned long long>(x.first),
              static_cast<unsigned long long>(steps), static_cast<unsigned long long>(attempts), took.count());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  options x;
  if (!read(argc, argv, x)) {
    std::fputs(usage, stderr);
    return 2;
  }
  muster::log::install(std::make_shared<silent>());
  try {
    const player worlds;
    if (!x.single)
      return play_many(worlds, x);
    const auto got = worlds.play(x.first, detail::print, x.broken);
    if (got.violation)
      return report(x.first, got);
    std::printf("seed %llu is clean: %llu steps, %.3f s\n", static_cast<unsigned long long>(x.first),
                static_cast<unsigned long long>(got.steps), static_cast<double>(got.lasted.count()) / 1e6);
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "simulate: %s\n", problem.what());
    return 2;
  }
}
