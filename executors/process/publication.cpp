#include "executors/process/publication.hpp"

#include "executors/data/folders.hpp"

namespace muster::process {

void publish_outputs(attempt_id id, const std::filesystem::path& folder, const std::vector<spec::output>& outputs,
                     exit_result& out) {
  for (const auto& output : outputs) {
    const auto published = data::publish(folder / "output", output, "muster-" + to_string(id));
    if (published)
      continue;
    out.code = exit_code_publish_failed;
    out.message = published.failure().message;
    return;
  }
}

} // namespace muster::process
