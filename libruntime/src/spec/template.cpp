#include "muster/spec/template.hpp"

namespace muster::spec {

template_outcome render_template(std::string_view text, const template_value& variables,
                                 const template_limits& limits) {
  (void)text;
  (void)variables;
  (void)limits;
  template_outcome out;
  out.problem.code = ec::unsupported;
  out.problem.message = "templates are not supported yet";
  return out;
}

} // namespace muster::spec
