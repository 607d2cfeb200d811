#pragma once

#include "executors/docker/engine/client.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace muster::docker {

/// Finds out whether an image holds the program that a task names. With a small init as process 1 a container whose
/// program is missing starts well, and ends with 127 as if the program had said so. Asked once for each image and
/// program, by a container that was made of it: each look costs the daemon a mount. On the loop's thread.
class programs {
public:
  /// `done(false)` only if the program is certainly not there.
  using taker = std::function<void(bool)>;

  explicit programs(client& engine) : engine_(engine) {}

  /// `program` is an absolute path, or a name that is looked for in the image's PATH; anything else is taken to be
  /// there. `done` may be called at once.
  void look(const std::string& container, const image_info& image, const std::string& program, taker done);

private:
  using question = std::pair<std::string, std::string>; ///< Image and program.
  struct waiter {
    std::string container;
    std::vector<std::string> places; ///< The next one last.
    taker done;
  };
  struct search {
    question what;
    waiter who;
  };
  void look_on(const std::shared_ptr<search>& x);
  void not_there(const std::shared_ptr<search>& x);
  void settle(const search& x, bool found);
  void give_up(const search& x);

  client& engine_;
  std::map<question, bool> known_;
  std::map<question, std::vector<waiter>> waiting_; ///< For a search that is under way.
};

/// Where `program` may lie in an image with these variables, the likeliest first; empty if that cannot be told.
[[nodiscard]] std::vector<std::string> places_of(const std::string& program,
                                                 const std::vector<std::string>& environment);

} // namespace muster::docker
