#include <fmt/format.h>

#include <memory>

#include "harness/cli/commands.h"
#include "harness/generate/finding.h"
#include "harness/run/forked_process.h"

namespace ovlcheck {
namespace {

using namespace generate;

struct ShrinkOptions {
  std::string file, subject, reference = "kernel", privilege = "auto", output;
};

// In the sandbox: {"agrees": NAME}, or {"case": CASE, "signature": TEXT, "trouble": TEXT} for every case.
int shrink_all(const ShrinkOptions& options, const std::vector<Case>& cases, int out) {
  try {
    SandboxRequest request;
    request.privilege = privilege_from_name(options.privilege);
    for (const auto& name : {options.subject, options.reference}) show_programs(request, parse_subject(name));
    Sandbox sandbox(request);
    const Subjects subjects({options.reference, options.subject}, sandbox.environment());
    Duel duel(sandbox, subjects);
    for (const Case& c : cases) {
      const auto finding = finding_from(c.json, duel);
      if (finding)
        tell(out,
             {{"case", finding->test}, {"signature", finding->signature}, {"trouble", finding->trouble}});
      else
        tell(out, {{"agrees", c.name()}});
    }
  } catch (const std::exception& problem) {
    tell(out, {{"broken", problem.what()}});
    return kBroken;
  }
  return 0;
}

int shrink(const ShrinkOptions& options) {
  check_subject(options.subject);
  check_subject(options.reference);
  const auto cases = load_cases({options.file});
  std::vector<Json> small;
  std::string broken;
  ForkedProcess worker([&](int out) { return shrink_all(options, cases, out); });
  while (worker.read([&](const Json& word) {
    if (word.contains("broken")) broken = word["broken"].get<std::string>();
    if (word.contains("agrees"))
      fmt::print(stderr, "{}: {} does what {} does\n", word["agrees"].get<std::string>(), options.subject,
                 options.reference);
    if (!word.contains("case")) return;
    const auto signature = word["signature"].get<std::string>(), trouble = word["trouble"].get<std::string>();
    fmt::print(stderr, "{}{}\n", signature, trouble.empty() ? "" : " (" + trouble + ")");
    small.push_back(word["case"]);
  })) {
  }
  const std::string end = worker.wait();
  if (!end.empty()) throw std::runtime_error(broken.empty() ? "the worker ended with " + end : broken);
  if (small.empty()) return kAsExpected;
  const Json file = case_file(
      "shrunk", "Deviations of " + options.subject + " from " + options.reference + ", shrunk.", small);
  const std::string text = file.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  write_output(options.output, text);
  return kDeviations;
}

}  // namespace

void add_shrink(CLI::App& app, int& status) {
  auto options = std::make_shared<ShrinkOptions>();
  auto* command = app.add_subcommand(
      "shrink",
      "Make deviating cases as small as they can be, with the reference's behaviour as expectations");
  command->add_option("file", options->file, "Case file")
      ->required()
      ->type_name("CASEFILE")
      ->check(CLI::ExistingFile);
  command->add_option("--subject", options->subject, "What deviates")->required()->type_name("NAME");
  command->add_option("--against", options->reference, "What it deviates from")
      ->capture_default_str()
      ->type_name("NAME");
  command->add_option("--privilege", options->privilege, "auto, userns or root")
      ->capture_default_str()
      ->type_name("WHICH");
  command
      ->add_option("--output", options->output,
                   "Case file to write instead of standard output; lint wants it to be called shrunk.json")
      ->type_name("FILE");
  command->callback([options, &status] { status = shrink(*options); });
}

}  // namespace ovlcheck
