#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "harness/cli/commands.h"
#include "harness/report/bench_report.h"
#include "harness/report/chart.h"
#include "harness/report/html.h"
#include "harness/report/join.h"
#include "harness/report/lists.h"
#include "harness/report/markdown.h"
#include "harness/report/terminal.h"

namespace ovlcheck {
namespace {

using Format = std::string (*)(const LabelledRun&);

// All formats a stored run can be told in.
const std::map<std::string, Format>& formats() {
  static const std::map<std::string, Format> all = {
      {"terminal", [](const LabelledRun& run) { return terminal_report(run.run, style_of_stdout()); }},
      {"table", [](const LabelledRun& run) { return terminal_table(run.run, style_of_stdout()); }},
      {"markdown", [](const LabelledRun& run) { return markdown_report(run.run); }},
      {"html", [](const LabelledRun& run) { return html_report(run.run, run.book); }},
      {"svg", [](const LabelledRun& run) { return chart_report(run.run); }},
      {"junit", [](const LabelledRun& run) { return junit_report(run.run); }},
      {"tap", [](const LabelledRun& run) { return tap_report(run.run); }},
      {"csv", [](const LabelledRun& run) { return csv_report(run.run); }},
      {"json", [](const LabelledRun& run) { return json_report(run.run); }},
  };
  return all;
}

// A folder of `bench claims`.
std::string bench_report(const std::vector<std::string>& folders, const std::string& format) {
  if (folders.size() > 1)
    throw std::invalid_argument(
        "measurements are told one folder at a time; `ovlcheck compare` puts two beside each other");
  const Bench bench = read_bench(folders.front());
  if (format == "terminal") return bench_text(bench);
  if (format == "markdown") return bench_markdown(bench);
  if (format == "html") return bench_html(bench);
  throw std::invalid_argument("measurements are told as terminal, markdown or html");
}

}  // namespace

void add_report(CLI::App& app, int& status) {
  auto runs = std::make_shared<std::vector<std::string>>();
  auto format = std::make_shared<std::string>("terminal");
  auto output = std::make_shared<std::string>();
  std::vector<std::string> names;
  for (const auto& [name, function] : formats()) names.push_back(name);
  auto* command = app.add_subcommand("report", "Tell stored runs again; several become columns of one");
  command->add_option("runs", *runs, "Folders of runs or their results.json")->required()->type_name("RUN");
  command->add_option("--format", *format, fmt::format("{}", fmt::join(names, ", ")))
      ->capture_default_str()
      ->check(CLI::IsMember(names))
      ->type_name("FORMAT");
  command->add_option("--output", *output, "File to write instead of standard output")->type_name("FILE");
  command->callback([runs, format, output, &status] {
    status = kAsExpected;
    if (holds_bench(runs->front())) return write_output(*output, bench_report(*runs, *format));
    write_output(*output, formats().at(*format)(load_runs(*runs)));
  });
}

}  // namespace ovlcheck
