#include "render.hpp"

#include "convert.hpp"

#include "muster/spec/load.hpp"

#include <charconv>

namespace muster::api {

namespace {

/// The step that a field such as `workflow.steps[1].workflow.steps[0].command` is of, by its names, and what is left of
/// the field; empty if it is of none.
struct placed_field {
  std::string step;
  std::string rest;
};

placed_field place(const value& spec, const std::string& field) {
  placed_field out{{}, field};
  const auto* at = &spec;
  for (std::size_t start = 0; start < field.size();) {
    const auto end = std::min(field.find_first_of(".[", start), field.size());
    at = &(*at)[std::string_view(field).substr(start, end - start)];
    start = end;
    if (start < field.size() && field[start] == '[') {
      std::size_t number = 0;
      const auto close = std::min(field.find(']', start), field.size());
      std::from_chars(field.data() + start + 1, field.data() + close, number);
      at = &(*at)[number];
      start = std::min(close + 1, field.size());
    }
    if (start < field.size() && field[start] == '.')
      ++start;
    const bool names_a_step = (*at)["name"].is_text() && at != &spec["workflow"];
    if (names_a_step) {
      out.step += (out.step.empty() ? "" : ".") + (*at)["name"].as_text();
      out.rest = field.substr(start);
    }
  }
  return out;
}

std::string shown(const value& spec, const spec::diagnostic& x) {
  const auto placed = place(spec, x.field);
  std::string out;
  if (!placed.step.empty())
    out += "step '" + placed.step + "': ";
  if (!placed.rest.empty())
    out += placed.rest + ": ";
  out += x.message;
  return x.hint.empty() ? out : out + " (" + x.hint + ")";
}

spec::load_options options_of(const dict& parameters) {
  spec::load_options options;
  options.file_name = "workflow";
  if (!parameters.empty()) {
    options.parameters_text = value(parameters).to_json();
    options.parameters_file = "submission";
  }
  return options;
}

} // namespace

result<loaded_workflow> load(const scope_node& root, const dict& parameters, bool for_containers) {
  const auto rendered = render(root, for_containers);
  auto text = yaml_text(rendered.spec);
  auto loaded = spec::load(text, options_of(parameters));
  std::string problems;
  const auto add = [&](const std::string& problem) { problems += (problems.empty() ? "" : "\n") + problem; };
  for (const auto& problem : rendered.problems)
    add(problem);
  for (const auto& problem : loaded.errors)
    add(shown(rendered.spec, problem));
  if (!problems.empty())
    return {ec::invalid_spec, std::move(problems)};
  return loaded_workflow{std::move(*loaded.workflow), std::move(text)};
}

result<loaded_workflow> load(std::string_view text, const dict& parameters) {
  auto loaded = spec::load(text, options_of(parameters));
  if (loaded.ok())
    return loaded_workflow{std::move(*loaded.workflow), std::string(text)};
  std::string problems;
  for (const auto& problem : loaded.errors)
    problems += spec::render(problem);
  while (!problems.empty() && problems.back() == '\n')
    problems.pop_back();
  return {ec::invalid_spec, std::move(problems)};
}

} // namespace muster::api
