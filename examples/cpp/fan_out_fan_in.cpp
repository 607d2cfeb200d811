// Splits data, works on the pieces side by side, merges what came out.
#include <muster/muster.hpp>

#include <iostream>

namespace {

const auto split_dataset = R"(
import json, os, sys
source, count = sys.argv[1], int(sys.argv[2])
chunks = [{"chunk_id": i, "start_idx": i * 100, "end_idx": (i + 1) * 100, "source": source} for i in range(count)]
json.dump(chunks, open(os.environ["MUSTER_RESULT"], "w"))
)";

const auto process_chunk = R"(
import json, os, sys
chunk = json.loads(sys.argv[1])
items = range(chunk["start_idx"], chunk["end_idx"])
json.dump({"chunk_id": chunk["chunk_id"], "items_processed": len(items), "sum": sum(items)},
          open(os.environ["MUSTER_RESULT"], "w"))
)";

const auto merge_results = R"(
import json, os, sys
results = json.loads(sys.argv[1])
json.dump({"total_chunks": len(results), "total_items": sum(r["items_processed"] for r in results),
           "total_sum": sum(r["sum"] for r in results)}, open(os.environ["MUSTER_RESULT"], "w"))
)";

} // namespace

int main() {
  muster::workflow w{"fan-out-fan-in"};
  const auto count = w.parameter("chunks", 5);

  // The list that `split` results in decides how many elements `process` has.
  const auto split = w.task("split", {"python3", "-c", split_dataset, "large_dataset.csv", count});
  const auto process = w.map("process", split, {"python3", "-c", process_chunk, muster::item()});
  // The whole array as an argument: JSON, in the order of the chunks, when all of them are there.
  const auto merge = w.task("merge", {"python3", "-c", merge_results, process});

  auto runtime = muster::local_runtime::start().or_throw();
  const auto run = runtime.submit(w).or_throw();
  if (const auto end = run.wait().or_throw(); !end.completed()) {
    std::cerr << end.reason << '\n';
    return 1;
  }
  for (const auto& chunk : run.result(process).or_throw().items())
    std::cout << "chunk " << chunk["chunk_id"] << ": " << chunk["sum"] << '\n';
  const auto total = run.result(merge).or_throw();
  std::cout << "items: " << total["total_items"] << ", sum: " << total["total_sum"] << '\n';
}
