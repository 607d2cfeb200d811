// Three stages; element i of a stage waits for element i of the one before, and for nothing else.
#include <muster/muster.hpp>

#include <iostream>
#include <string>
#include <vector>

int main() {
  const std::vector<std::string> raw_data{"data_1", "data_2", "data_3"};

  muster::workflow w{"pipeline"};
  const auto stage1 = w.map("preprocess", raw_data,
                            muster::shell(R"(echo "\"preprocessed_$1\"" > "$MUSTER_RESULT")", {muster::item()}));
  const auto stage2 =
      w.map("transform", stage1,
            muster::shell(R"(echo "\"transform_$2($1)\"" > "$MUSTER_RESULT")", {muster::item(), muster::index()}));
  const auto stage3 =
      w.map("finalize", stage2, muster::shell(R"(echo "\"final_$1\"" > "$MUSTER_RESULT")", {muster::item()}));

  auto runtime = muster::local_runtime::start().or_throw();
  const auto run = runtime.submit(w).or_throw();
  if (const auto end = run.wait().or_throw(); !end.completed()) {
    std::cerr << end.reason << '\n';
    return 1;
  }
  for (const auto& x : run.result(stage3).or_throw().items())
    std::cout << x.as_text() << '\n';
}
