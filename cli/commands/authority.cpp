#include "cli/commands/commands.hpp"
#include "cli/commands/errors.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal/text.hpp"
#include "gateway/auth/certificates.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <memory>

/// Certificates of a head and its nodes.
namespace muster::cli {

namespace {

namespace fs = std::filesystem;
using gateway::certificate_use;

constexpr std::chrono::hours a_day{24};

struct authority_options {
  std::string folder = "ca";
  std::string out;
  std::string name;
  bool is_head = false;
  std::uint32_t days = 365;
  std::uint32_t days_of_authority = 3650; ///< Its end is that of all that it made.
};

timestamp now() {
  return std::chrono::time_point_cast<duration>(std::chrono::system_clock::now());
}

std::string told(const gateway::certificate_facts& x) {
  return std::string{x.use == certificate_use::head ? "head " : "node "} + x.name + ", until " + show_time(x.expires);
}

int init(const authority_options& x) {
  if (auto done = gateway::make_authority(x.folder, a_day * x.days_of_authority); !done)
    return report(done.failure());
  std::cout << "made " << gateway::authority_in(x.folder).certificate.string() << "; keep "
            << gateway::authority_in(x.folder).key.string() << " secret: who has it can make nodes\n";
  return exit_completed;
}

int write(const authority_options& x, const std::string& name, certificate_use use, const fs::path& out) {
  if (auto done = gateway::issue_certificate(x.folder, name, use, a_day * x.days, out); !done)
    return report(done.failure());
  const auto made = gateway::read_certificate(out);
  if (!made)
    return report(made.failure());
  const auto last = gateway::check_authority(x.folder, now());
  const bool is_cut = last && made->expires >= *last && now() + a_day * x.days > *last;
  std::cout << out.string() << ": " << told(*made) << (is_cut ? ", when its authority ends" : "") << '\n';
  return exit_completed;
}

int issue(const authority_options& x) {
  const fs::path out = x.out.empty() ? x.name : x.out;
  std::error_code ignored;
  if (fs::exists(gateway::certificates_in(out).certificate, ignored))
    return report(
        {ec::conflict, "there is a certificate in " + out.string() + " already; `muster ca renew` replaces it"});
  return write(x, x.name, x.is_head ? certificate_use::head : certificate_use::node, out);
}

int renew(const authority_options& x) {
  const auto old = gateway::read_certificate(x.out);
  return old ? write(x, old->name, old->use, x.out) : report(old.failure());
}

int show_authority(const fs::path& folder) {
  const auto ends = gateway::check_authority(folder, now());
  if (!ends)
    return report(ends.failure());
  std::cout << "authority, until " << show_time(*ends) << '\n';
  return exit_completed;
}

int show(const authority_options& x) {
  std::error_code ignored;
  if (fs::exists(gateway::authority_in(x.out).key, ignored))
    return show_authority(x.out);
  const auto read = gateway::read_certificate(x.out);
  if (!read)
    return report(read.failure());
  std::cout << told(*read) << '\n';
  const auto good = gateway::check_certificates(x.out, read->use, now());
  return good ? exit_completed : report(good.failure());
}

} // namespace

void add_ca(CLI::App& app, context& ctx) {
  auto* command = app.add_subcommand("ca", "Make certificates by which a head and its nodes know each other");
  command->require_subcommand(1);
  command->footer("Example:\n  muster ca init && muster ca issue --head head && muster ca issue n1");
  auto options = std::make_shared<authority_options>();
  const auto run = [&ctx, options](CLI::App* x, int (*what)(const authority_options&)) {
    x->callback([&ctx, options, what] { ctx.action = [options, what] { return what(*options); }; });
  };
  const auto add_folder = [options](CLI::App* x) {
    x->add_option("--ca", options->folder, "Folder of the authority (default: ca)")->type_name("DIR");
  };
  const auto add_days = [](CLI::App* x, std::uint32_t& days) {
    x->add_option("--days", days, "How long it counts (default: " + std::to_string(days) + ")")
        ->type_name("N")
        ->check(CLI::Range(1U, 36'500U));
  };

  auto* make = command->add_subcommand("init", "Make an authority");
  add_folder(make);
  add_days(make, options->days_of_authority);
  make->footer("Example:\n  muster ca init --days 1825");
  run(make, init);

  auto* one = command->add_subcommand("issue", "Make a certificate, with its key, in a folder of its own");
  one->add_option("name", options->name, "Name of the node, or of the head")->type_name("NAME")->required();
  one->add_flag("--head", options->is_head, "For a head; else for the node of that name");
  one->add_option("--out", options->out, "Folder for ca.pem, cert.pem and key.pem (default: NAME)")->type_name("DIR");
  add_folder(one);
  add_days(one, options->days);
  one->footer("Example:\n  muster ca issue n1 --out n1");
  run(one, issue);

  auto* again = command->add_subcommand("renew", "Replace a certificate and its key by new ones of the same name");
  again->add_option("folder", options->out, "Where it is")->type_name("DIR")->required();
  add_folder(again);
  add_days(again, options->days);
  again->footer("Example:\n  muster ca renew n1");
  run(again, renew);

  auto* look = command->add_subcommand(
      "show", "Say whose a certificate is, or that it is an authority, until when, and if it can be used");
  look->add_option("folder", options->out, "Where it is")->type_name("DIR")->required();
  look->footer("Example:\n  muster ca show n1\n  muster ca show ca");
  run(look, show);
}

} // namespace muster::cli
