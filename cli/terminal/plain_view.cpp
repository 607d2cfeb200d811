#include "cli/terminal/event_line.hpp"
#include "cli/terminal/run_view.hpp"
#include "muster/event/json.hpp"

#include <iostream>
#include <unistd.h>

namespace muster::cli {

namespace {

/// Statuses that last, or that end something; those in between are of interest only while one looks.
bool worth_a_line(const event& x) {
  const bool changes_status = x.type == event_type::task_status || x.type == event_type::group_status;
  const bool waits = x.status == status::scheduling || x.status == status::initializing;
  return !changes_status || x.status >= status::running || (waits && !x.text.empty());
}

class plain_view final : public run_view {
public:
  void on_event(const store::named_event& x) override {
    if (worth_a_line(x.fact))
      std::cout << event_line(x, look_) << '\n';
  }
  void on_line(const log_line& x) override {
    std::cout << look_.paint_number(x.number, x.task) << " | " << x.text << '\n';
  }
  void note(std::string_view text) override { std::cout << text << std::endl; }
  void tick() override { std::cout.flush(); }
  void close() override { std::cout.flush(); }

private:
  style look_ = style::for_descriptor(STDOUT_FILENO);
};

class json_view final : public run_view {
public:
  void on_event(const store::named_event& x) override {
    std::cout << to_json(x.fact, {x.workflow, x.group, x.task}) << '\n';
  }
  void on_line(const log_line& /*x*/) override {}
  void note(std::string_view text) override { std::cerr << text << std::endl; }
  void tick() override { std::cout.flush(); }
  void close() override { std::cout.flush(); }
};

} // namespace

std::unique_ptr<run_view> make_plain_view() {
  return std::make_unique<plain_view>();
}

std::unique_ptr<run_view> make_json_view() {
  return std::make_unique<json_view>();
}

} // namespace muster::cli
