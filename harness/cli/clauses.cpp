#include "harness/case/clauses.h"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>

#include "harness/case/suggest.h"
#include "harness/cli/commands.h"
#include "harness/report/clause_page.h"

namespace ovlcheck {
namespace {

struct ClausesOptions {
  CaseSelection selection;
  std::vector<std::string> runs;
  std::string group;
};

void keep_group(std::vector<Clause>& clauses, const std::string& group) {
  std::vector<std::string_view> known;
  for (const Clause& clause : clauses) known.push_back(clause.group);
  std::vector<Clause> kept;
  for (const Clause& clause : clauses)
    if (clause.group == group) kept.push_back(clause);
  if (kept.empty())
    throw std::invalid_argument("--group " + group + ": no clause is of it" + did_you_mean(group, known));
  clauses = std::move(kept);
}

std::string page(const ClausesOptions& options) {
  const std::string index = options.selection.clauses();
  if (index.empty()) throw std::invalid_argument("there is no clauses.json beside these cases");
  std::vector<Clause> clauses = load_clauses(index);
  if (!options.group.empty()) keep_group(clauses, options.group);
  return clause_page(clauses, options.selection.load(), load_runs(options.runs).run);
}

}  // namespace

void add_clauses(CLI::App& app, int& status) {
  auto options = std::make_shared<ClausesOptions>();
  auto* command =
      app.add_subcommand("clauses", "Print what is required, its source and the cases that test it");
  command->add_option("--run", options->runs, "Stored runs, for the subjects' scores; may be repeated")
      ->type_name("RUN");
  command->add_option("--group", options->group, "Only the clauses of that group")->type_name("GROUP");
  command
      ->add_option("--cases", options->selection.paths,
                   "Case files or folders instead of the cases that come with the program")
      ->type_name("PATH");
  command->callback([options, &status] {
    fmt::print("{}", page(*options));
    status = kAsExpected;
  });
}

}  // namespace ovlcheck
