/// A library that answers as NVIDIA's NVML does. What there is says the file that MUSTER_FAKE_NVML names, which is read
/// by `nvmlInit_v2`; one word and its arguments per line:
///
///     gpu UUID PCI MEMORY MODEL...   one more GPU; PCI as 0000:65:00.0
///     mig GPU                        it is in MIG mode
///     link GPU NUMBER PCI            one of its NVLinks is connected to what is there
///     fail FUNCTION GPU CODE         asked for that GPU, the function answers the code; GPU -: for none, as
///     nvmlInit_v2
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

struct fake_gpu {
  unsigned index = 0;
  std::string uuid;
  std::string pci;
  unsigned long long memory = 0;
  std::string model;
  bool mig = false;
  std::map<unsigned, std::string> links;
};

struct fake_machine {
  std::vector<fake_gpu> gpus;
  std::map<std::pair<std::string, std::string>, int> failures; ///< By function and GPU.
  bool begun = false;
};

fake_machine& machine() {
  static fake_machine only;
  return only;
}

fake_machine read() {
  fake_machine out;
  const char* path = std::getenv("MUSTER_FAKE_NVML");
  std::ifstream file(path == nullptr ? "" : path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    if (word == "gpu") {
      fake_gpu x;
      x.index = static_cast<unsigned>(out.gpus.size());
      in >> x.uuid >> x.pci >> x.memory >> std::ws;
      std::getline(in, x.model);
      out.gpus.push_back(std::move(x));
    } else if (word == "mig" || word == "link") {
      std::size_t gpu = 0;
      unsigned number = 0;
      std::string pci;
      in >> gpu >> number >> pci;
      if (word == "mig")
        out.gpus.at(gpu).mig = true;
      else
        out.gpus.at(gpu).links[number] = pci;
    } else if (word == "fail") {
      std::string function;
      std::string gpu;
      int code = 0;
      in >> function >> gpu >> code;
      out.failures[{function, gpu}] = code;
    }
  }
  return out;
}

int failure_of(const char* function, const std::string& gpu) {
  const auto found = machine().failures.find({function, gpu});
  return found == machine().failures.end() ? 0 : found->second;
}

int failure_of(const char* function, const fake_gpu* gpu) {
  return machine().begun ? failure_of(function, std::to_string(gpu->index)) : 1;
}

int copy(const std::string& text, char* to, unsigned size) {
  if (text.size() >= size)
    return 7;
  std::memcpy(to, text.c_str(), text.size() + 1);
  return 0;
}

} // namespace

extern "C" {

struct fake_pci {
  std::array<char, 16> short_bus_id;
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_id;
  unsigned subsystem_id;
  std::array<char, 32> bus_id;
};

static int pci_of(const std::string& text, fake_pci* out) {
  *out = {};
  std::sscanf(text.c_str(), "%x:%x:%x", &out->domain, &out->bus, &out->device);
  std::snprintf(out->bus_id.data(), out->bus_id.size(), "%08X:%02X:%02X.0", out->domain, out->bus, out->device);
  return 0;
}

int nvmlInit_v2() {
  machine() = read();
  const auto failed = failure_of("nvmlInit_v2", std::string{"-"});
  machine().begun = failed == 0;
  return failed;
}

int nvmlShutdown() {
  machine().begun = false;
  return 0;
}

const char* nvmlErrorString(int code) {
  switch (code) {
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case 18: return "Driver/library version mismatch";
    default: return "Unknown Error";
  }
}

int nvmlDeviceGetCount_v2(unsigned* out) {
  *out = static_cast<unsigned>(machine().gpus.size());
  return failure_of("nvmlDeviceGetCount_v2", std::string{"-"});
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, const fake_gpu** out) {
  if (index >= machine().gpus.size())
    return 2;
  *out = &machine().gpus[index];
  return failure_of("nvmlDeviceGetHandleByIndex_v2", *out);
}

#ifndef FAKE_NVML_IS_BROKEN
int nvmlDeviceGetUUID(const fake_gpu* x, char* out, unsigned size) {
  const auto failed = failure_of("nvmlDeviceGetUUID", x);
  return failed != 0 ? failed : copy(x->uuid, out, size);
}
#endif

int nvmlDeviceGetName(const fake_gpu* x, char* out, unsigned size) {
  const auto failed = failure_of("nvmlDeviceGetName", x);
  return failed != 0 ? failed : copy(x->model, out, size);
}

int nvmlDeviceGetMemoryInfo(const fake_gpu* x, unsigned long long* out) {
  out[0] = x->memory;
  out[1] = x->memory;
  out[2] = 0;
  return failure_of("nvmlDeviceGetMemoryInfo", x);
}

int nvmlDeviceGetPciInfo_v3(const fake_gpu* x, fake_pci* out) {
  const auto failed = failure_of("nvmlDeviceGetPciInfo_v3", x);
  return failed != 0 ? failed : pci_of(x->pci, out);
}

#ifndef FAKE_NVML_IS_OLD
int nvmlDeviceGetMigMode(const fake_gpu* x, unsigned* current, unsigned* pending) {
  *current = *pending = x->mig ? 1 : 0;
  return failure_of("nvmlDeviceGetMigMode", x);
}

int nvmlDeviceGetNvLinkState(const fake_gpu* x, unsigned link, unsigned* active) {
  *active = x->links.count(link) != 0 ? 1 : 0;
  return failure_of("nvmlDeviceGetNvLinkState", x);
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(const fake_gpu* x, unsigned link, fake_pci* out) {
  const auto found = x->links.find(link);
  return found == x->links.end() ? 3 : pci_of(found->second, out);
}
#endif
}
