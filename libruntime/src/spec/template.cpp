#include "muster/spec/template.hpp"

#include "spec/template/evaluator.hpp"

#include <exception>

namespace muster::spec {

template_outcome render_template(std::string_view text, const template_value& variables,
                                 const template_limits& limits) {
  template_outcome out;
  tmpl::runtime rt(limits);
  const auto fail = [&](ec code, std::string message) {
    out.problem = {code, rt.at.line, rt.at.column, std::move(message)};
  };
  try {
    const tmpl::statement_list body = tmpl::parse(rt, text);
    const template_value copy = rt.deep_copy(variables);
    rt.at = {};
    if (!copy.is(template_value::type::dict))
      throw tmpl::failure{"the variables of a template must be a dict"};
    out.text = tmpl::evaluator(rt, copy).render(body);
    out.ok = true;
  } catch (const tmpl::failure& problem) {
    fail(problem.code, problem.message);
  } catch (const std::exception& problem) {
    fail(ec::internal, std::string("the template could not be rendered: ") + problem.what());
  }
  return out;
}

} // namespace muster::spec
