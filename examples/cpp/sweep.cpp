// Tries all combinations of hyperparameters side by side, and selects the best.
#include <muster/muster.hpp>

#include <iostream>
#include <vector>

namespace {

const auto train_model = R"(
import json, os, random, sys
config = json.loads(sys.argv[1])
random.seed(config["seed"])
accuracy = 0.5 + (config["lr"] * 10) * random.random()
json.dump({**config, "accuracy": accuracy}, open(os.environ["MUSTER_RESULT"], "w"))
)";

const auto select_best_model = R"(
import json, os, sys
json.dump(max(json.loads(sys.argv[1]), key=lambda r: r["accuracy"]), open(os.environ["MUSTER_RESULT"], "w"))
)";

} // namespace

int main() {
  const std::vector<double> learning_rates{0.001, 0.01, 0.1};
  const std::vector<int> batch_sizes{32, 64};
  const std::vector<int> seeds{0, 1};

  muster::workflow w{"sweep"};
  const muster::axes grid{
      {"lr", learning_rates}, {"batch_size", batch_sizes}, {"epochs", muster::list{10}}, {"seed", seeds}};
  const auto train = w.map("train", grid, {"python3", "-c", train_model, muster::item()});
  // `train.best("accuracy")` would do the same without a task.
  const auto best = w.task("select", {"python3", "-c", select_best_model, train});

  auto runtime = muster::local_runtime::start().or_throw();
  const auto run = runtime.submit(w).or_throw();
  if (const auto end = run.wait().or_throw(); !end.completed()) {
    std::cerr << end.reason << '\n';
    return 1;
  }
  for (const auto& x : run.result(train).or_throw().items())
    std::cout << x["accuracy"] << '\n';
  const auto found = run.result(best).or_throw();
  std::cout << "best: lr=" << found["lr"] << ", bs=" << found["batch_size"] << ", seed=" << found["seed"]
            << ", acc=" << found["accuracy"] << '\n';
}
