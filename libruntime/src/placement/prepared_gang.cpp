#include "muster/placement/prepared_gang.hpp"

namespace muster {

namespace {

void put(std::string& text, const std::string& x) {
  text += std::to_string(x.size());
  text += ':';
  text += x;
}

void append(std::string& text, const resource_request& x) {
  for (const auto n : {x.cpu, x.gpu, x.memory, x.storage}) {
    text += std::to_string(n);
    text += ',';
  }
  put(text, x.platform);
  text += x.platform_must_be_said ? '!' : '?';
  for (const auto& node : x.nodes_excluded)
    put(text, node);
  for (const auto& [label, value] : x.labels) {
    text += '=';
    put(text, label);
    put(text, value);
  }
  for (const auto& wish : x.topologies) {
    text += wish.required ? '!' : '?';
    put(text, wish.key);
    put(text, wish.group);
  }
  text += ';';
}

} // namespace

std::string text_of(const resource_request& x) {
  std::string text;
  append(text, x);
  return text;
}

std::string text_of(const gang& who) {
  std::string text;
  for (const auto& x : who)
    append(text, x);
  return text;
}

} // namespace muster
