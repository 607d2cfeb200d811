#include "cli/commands/node_text.hpp"

#include "cli/remote/answers.hpp"
#include "cli/terminal/table.hpp"
#include "cli/terminal/text.hpp"

#include <nlohmann/json.hpp>

#include <ostream>
#include <string>
#include <vector>

namespace muster::cli {

namespace {

using json = nlohmann::ordered_json;

std::int64_t number_in(const json& x, const char* name) {
  const auto found = x.find(name);
  return found != x.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

/// `1,2,3`; `-` for none.
std::string listed(const json& numbers) {
  std::string out;
  for (const auto& x : numbers)
    out += (out.empty() ? "" : ",") + x.dump();
  return out.empty() ? "-" : out;
}

void print_amounts(const json& of, std::ostream& out) {
  const auto total = of.value("total", json::object());
  const auto free = of.value("free", json::object());
  table rows{{"", "FREE", "OF"}, style{}, out};
  const auto plain = [](const json& x, const char* name) { return std::to_string(number_in(x, name)); };
  const auto bytes = [](const json& x, const char* name) { return show_bytes(number_in(x, name)); };
  rows.add({{"CPU"}, {plain(free, "cpu")}, {plain(total, "cpu")}});
  rows.add({{"memory"}, {bytes(free, "memory")}, {bytes(total, "memory")}});
  rows.add({{"storage"}, {bytes(free, "storage")}, {bytes(total, "storage")}});
  rows.add({{"GPU"}, {listed(free.value("gpus", json::array()))}, {listed(total.value("gpus", json::array()))}});
  rows.flush();
}

void print_gpus(const json& gpus, std::ostream& out) {
  table rows{{"GPU", "UUID", "MODEL", "MEMORY", "PCI", "NUMA", "NVLINK"}, style{}, out};
  for (const auto& x : gpus)
    rows.add({{text_of(x, "index")},
              {text_of(x, "uuid")},
              {text_of(x, "model")},
              {show_bytes(number_in(x, "memory"))},
              {text_of(x, "pci")},
              {text_of(x, "numa_node")},
              {listed(x.value("nvlink", json::array()))}});
  rows.flush();
}

void print_numa(const json& nodes, std::ostream& out) {
  table rows{{"NUMA", "CPUS", "MEMORY"}, style{}, out};
  for (const auto& x : nodes)
    rows.add({{text_of(x, "node")}, {text_of(x, "cpus")}, {show_bytes(number_in(x, "memory"))}});
  rows.flush();
}

void print_one(const json& x, std::ostream& out) {
  const auto said = [&](const char* field) { return printable(text_of(x, field)); };
  out << said("name") << " in pool " << said("pool") << ": " << said("condition");
  if (const auto why = said("reason"); !why.empty())
    out << ", " << why;
  out << '\n';
  for (const auto* field : {"address", "platform"})
    if (const auto text = said(field); !text.empty())
      out << field << ' ' << text << '\n';
  std::string drivers;
  for (const auto& driver : x.value("drivers", json::array())) {
    const auto version = text_of(driver, "version");
    drivers += (drivers.empty() ? "" : ", ") + text_of(driver, "name") + (version.empty() ? "" : ' ' + version);
  }
  if (!drivers.empty())
    out << "runs tasks by " << printable(drivers) << '\n';
  print_amounts(x, out);
  if (const auto gpus = x.value("gpus", json::array()); !gpus.empty())
    print_gpus(gpus, out);
  for (const auto& why : x.value("gpu_warnings", json::array()))
    if (why.is_string())
      out << printable(why.get<std::string>()) << '\n';
  if (const auto numa = x.value("numa", json::array()); !numa.empty())
    print_numa(numa, out);
  const auto labels = x.value("labels", json::object());
  if (!labels.empty())
    out << "labels\n";
  for (const auto& [key, value] : labels.items())
    out << "  " << printable(key) << '=' << printable(text_of(labels, key.c_str())) << '\n';
}

} // namespace

void print_node(const json& node, std::ostream& out) {
  bool is_first = true;
  for (const auto& pool : node.value("pools", json::array())) {
    if (!is_first)
      out << '\n';
    is_first = false;
    print_one(pool, out);
  }
}

} // namespace muster::cli
