#include "executors/machine/nvml.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

namespace muster::machine {

namespace {

// NVML's own names and values, as its reference states them: https://docs.nvidia.com/deploy/nvml-api
using return_code = int;
using device = struct device_of_nvml*;
constexpr return_code success = 0;
constexpr return_code no_permission = 4;
constexpr return_code driver_not_loaded = 9;
constexpr return_code gpu_is_lost = 15;
constexpr return_code reset_required = 16;
constexpr return_code version_mismatch = 18;
constexpr unsigned enabled = 1;
constexpr unsigned most_links = 18; // NVML_NVLINK_MAX_LINKS
constexpr unsigned most_gpus = 1024;

struct memory_info {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct pci_info {
  std::array<char, 16> short_bus_id;
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_id;
  unsigned subsystem_id;
  std::array<char, 32> bus_id;
};

/// The functions that are used. Those that older libraries lack may be null.
struct functions {
  return_code (*init)() = nullptr;
  return_code (*shutdown)() = nullptr;
  return_code (*count)(unsigned*) = nullptr;
  return_code (*handle)(unsigned, device*) = nullptr;
  return_code (*uuid)(device, char*, unsigned) = nullptr;
  return_code (*name)(device, char*, unsigned) = nullptr;
  return_code (*memory)(device, memory_info*) = nullptr;
  return_code (*pci)(device, pci_info*) = nullptr;
  return_code (*mig_mode)(device, unsigned* current, unsigned* pending) = nullptr;
  return_code (*link_state)(device, unsigned link, unsigned* active) = nullptr;
  return_code (*link_remote)(device, unsigned link, pci_info*) = nullptr;
  const char* (*error_text)(return_code) = nullptr;
};

class library {
public:
  explicit library(const std::string& name) : handle_(::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {}
  ~library() {
    if (handle_ != nullptr)
      ::dlclose(handle_);
  }
  library(const library&) = delete;
  library& operator=(const library&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return handle_ != nullptr; }

  /// The name of a function that should be there and is not; null if all are.
  const char* load(functions& into) const {
    const char* missing = nullptr;
    const auto needed = [&](auto& function, const char* name) {
      if (!find(function, name) && missing == nullptr)
        missing = name;
    };
    needed(into.init, "nvmlInit_v2");
    needed(into.shutdown, "nvmlShutdown");
    needed(into.count, "nvmlDeviceGetCount_v2");
    needed(into.handle, "nvmlDeviceGetHandleByIndex_v2");
    needed(into.uuid, "nvmlDeviceGetUUID");
    needed(into.name, "nvmlDeviceGetName");
    needed(into.memory, "nvmlDeviceGetMemoryInfo");
    find(into.pci, "nvmlDeviceGetPciInfo_v3");
    find(into.mig_mode, "nvmlDeviceGetMigMode");
    find(into.link_state, "nvmlDeviceGetNvLinkState");
    find(into.link_remote, "nvmlDeviceGetNvLinkRemotePciInfo_v2");
    find(into.error_text, "nvmlErrorString");
    return missing;
  }

private:
  template <class F>
  bool find(F& function, const char* name) const {
    function = reinterpret_cast<F>(::dlsym(handle_, name));
    return function != nullptr;
  }

  void* handle_;
};

/// What to do about it, where that is known.
const char* hint(return_code x) {
  switch (x) {
    case driver_not_loaded: return "; is the kernel module `nvidia` loaded?";
    case version_mismatch: return "; the driver was updated: restart the machine, or load its kernel module anew";
    case gpu_is_lost: return "; the machine has to be restarted, the kernel's log says more";
    case reset_required: return "; `nvidia-smi --gpu-reset` may help";
    case no_permission: return "; this user may not open /dev/nvidia*";
    default: return "";
  }
}

std::string text_of(const functions& nvml, return_code x) {
  const char* text = nvml.error_text != nullptr ? nvml.error_text(x) : nullptr;
  return (text != nullptr ? std::string{text} : "error " + std::to_string(x)) + hint(x);
}

std::string pci_text(const pci_info& x) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.0", x.domain, x.bus, x.device);
  return text.data();
}

/// Groups of GPUs that are connected, straight or by switches, out of what each is connected to.
class link_groups {
public:
  explicit link_groups(const std::vector<gpu_facts>& gpus) {
    for (const auto& x : gpus)
      if (!x.pci.empty())
        name_of(x.pci).members.push_back(x.index);
  }

  void connect(const std::string& one, const std::string& other) {
    const auto a = root(one);
    const auto b = root(other);
    if (a == b)
      return;
    auto& from = nodes_.at(b);
    auto& to = nodes_.at(a);
    to.members.insert(to.members.end(), from.members.begin(), from.members.end());
    from.members.clear();
    from.parent = a;
  }

  [[nodiscard]] std::vector<std::vector<std::uint32_t>> take() {
    std::vector<std::vector<std::uint32_t>> out;
    for (auto& [name, x] : nodes_)
      if (x.members.size() > 1) {
        std::sort(x.members.begin(), x.members.end());
        out.push_back(std::move(x.members));
      }
    std::sort(out.begin(), out.end());
    return out;
  }

private:
  struct node {
    std::string parent; ///< Empty: it is the root of its group.
    std::vector<std::uint32_t> members;
  };

  node& name_of(const std::string& pci) { return nodes_[pci]; }

  std::string root(std::string pci) {
    while (!name_of(pci).parent.empty())
      pci = name_of(pci).parent;
    return pci;
  }

  std::map<std::string, node> nodes_; ///< GPUs and switches, by their place on the bus.
};

/// One NVML at work: initialised, and shut down at the end.
class session {
public:
  explicit session(const functions& nvml) : nvml_(nvml), begun_(nvml.init()) {}
  ~session() {
    if (begun_ == success)
      nvml_.shutdown();
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  void ask(nvml_answer& out) {
    if (begun_ != success) {
      out.problem = "NVML cannot be used: " + text_of(nvml_, begun_);
      return;
    }
    unsigned count = 0;
    if (const auto done = nvml_.count(&count); done != success) {
      out.problem = "NVML cannot count the GPUs: " + text_of(nvml_, done);
      return;
    }
    std::vector<std::pair<device, std::string>> usable; ///< With their place on the bus.
    for (std::uint32_t i = 0; i < std::min(count, most_gpus); ++i) {
      device which = nullptr;
      gpu_facts facts;
      facts.index = i;
      if (auto why = describe(which, facts)) {
        out.unusable.push_back({i, std::move(*why)});
        continue;
      }
      usable.emplace_back(which, facts.pci);
      out.gpus.push_back(std::move(facts));
    }
    link_groups groups{out.gpus};
    for (const auto& [which, pci] : usable)
      follow_links(which, pci, groups);
    out.links = groups.take();
  }

private:
  /// Why it cannot be used.
  std::optional<std::string> describe(device& which, gpu_facts& out) {
    if (const auto done = nvml_.handle(out.index, &which); done != success)
      return text_of(nvml_, done);
    std::array<char, 97> text{};
    if (const auto done = nvml_.uuid(which, text.data(), text.size() - 1); done != success)
      return text_of(nvml_, done);
    out.uuid = text.data();
    text.fill(0);
    if (const auto done = nvml_.name(which, text.data(), text.size() - 1); done == success)
      out.model = text.data();
    else if (is_fatal(done))
      return text_of(nvml_, done);
    memory_info memory{};
    if (const auto done = nvml_.memory(which, &memory); done == success)
      out.memory = static_cast<std::int64_t>(memory.total);
    else if (is_fatal(done)) // Others have no memory of their own.
      return text_of(nvml_, done);
    pci_info pci{};
    if (nvml_.pci != nullptr && nvml_.pci(which, &pci) == success)
      out.pci = pci_text(pci);
    unsigned current = 0;
    unsigned pending = 0;
    if (nvml_.mig_mode != nullptr && nvml_.mig_mode(which, &current, &pending) == success && current == enabled)
      return "it is in MIG mode, and tasks get whole GPUs only";
    return std::nullopt;
  }

  static bool is_fatal(return_code x) { return x == gpu_is_lost || x == reset_required; }

  void follow_links(device which, const std::string& pci, link_groups& groups) {
    if (nvml_.link_state == nullptr || nvml_.link_remote == nullptr || pci.empty())
      return;
    for (unsigned link = 0; link < most_links; ++link) {
      unsigned active = 0;
      pci_info remote{};
      if (nvml_.link_state(which, link, &active) == success && active == enabled &&
          nvml_.link_remote(which, link, &remote) == success)
        groups.connect(pci, pci_text(remote));
    }
  }

  const functions& nvml_;
  return_code begun_;
};

} // namespace

nvml_answer ask_nvml(const std::string& name) {
  nvml_answer out;
  const library loaded{name};
  out.has_library = loaded.is_open();
  if (!out.has_library)
    return out;
  functions nvml;
  if (const auto* missing = loaded.load(nvml)) {
    out.problem = std::string{"NVML cannot be used: this version has no "} + missing;
    return out;
  }
  session{nvml}.ask(out);
  return out;
}

} // namespace muster::machine
