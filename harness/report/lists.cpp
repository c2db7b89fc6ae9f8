#include "harness/report/lists.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "harness/report/matrix.h"
#include "harness/report/terminal.h"
#include "harness/report/xml.h"

namespace ovlcheck {
namespace {

std::string story(const Outcome& outcome) {
  return terminal_finding({&outcome, {outcome.subject}}, {});
}

std::string junit_case(const Outcome& outcome) {
  const std::string start = fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.6f}\"",
                                        xml_escaped(outcome.subject + "." + group_of(outcome.case_name)),
                                        xml_escaped(outcome.case_name), outcome.seconds);
  const std::string words = xml_escaped(outcome.reason.empty() ? outcome.title : outcome.reason);
  if (outcome.verdict == Verdict::pass) return start + "/>\n";
  if (outcome.verdict == Verdict::skip || is_known(outcome))
    return fmt::format("{}>\n      <skipped message=\"{}\"/>\n    </testcase>\n", start,
                       is_known(outcome) ? xml_escaped("known: " + outcome.listed) : words);
  const char* kind = outcome.verdict == Verdict::fail ? "failure" : "error";
  return fmt::format("{0}>\n      <{1} type=\"{2}\" message=\"{3}\">{4}</{1}>\n    </testcase>\n", start,
                     kind, verdict_name(outcome.verdict), words, xml_escaped(story(outcome)));
}

std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

// A TAP description ends at "#" and at the line's end.
std::string tap_text(std::string text) {
  for (char& c : text)
    if (c == '#' || c == '\n') c = ' ';
  return text;
}

std::string yaml_block(const Outcome& outcome) {
  std::string block = "  ---\n  message: |\n";
  std::string line;
  for (const char c : story(outcome) + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (!line.empty()) block += "    " + line + "\n";
    line.clear();
  }
  return block + "  ...\n";
}

}  // namespace

std::string junit_report(const Run& run) {
  std::map<std::string, std::string> cases;
  struct Counts {
    size_t tests = 0, failures = 0, errors = 0, skipped = 0;
    double seconds = 0;
  };
  std::map<std::string, Counts> counts;
  for (const auto& outcome : run.outcomes) {
    cases[outcome.subject] += junit_case(outcome);
    Counts& of = counts[outcome.subject];
    ++of.tests;
    of.seconds += outcome.seconds;
    if (outcome.verdict == Verdict::skip || is_known(outcome))
      ++of.skipped;
    else if (outcome.verdict == Verdict::fail)
      ++of.failures;
    else if (deviates(outcome))
      ++of.errors;
  }
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ovlcheck\">\n";
  for (const auto& subject : run.subjects) {
    const Counts& of = counts[subject.name];
    text += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.6f}\" "
        "timestamp=\"{}\">\n{}  </testsuite>\n",
        xml_escaped(subject.name), of.tests, of.failures, of.errors, of.skipped, of.seconds,
        xml_escaped(run.host.date.substr(0, 19)), cases[subject.name]);
  }
  return text + "</testsuites>\n";
}

std::string tap_report(const Run& run) {
  std::string text = fmt::format("TAP version 13\n1..{}\n", run.outcomes.size());
  size_t number = 0;
  for (const auto& outcome : run.outcomes) {
    const std::string name = tap_text(outcome.subject + " " + outcome.case_name);
    ++number;
    if (outcome.verdict == Verdict::skip)
      text += fmt::format("ok {} - {} # SKIP {}\n", number, name, tap_text(outcome.reason));
    else if (outcome.verdict == Verdict::pass)
      text += fmt::format("ok {} - {}\n", number, name);
    else if (is_known(outcome))
      text += fmt::format("not ok {} - {} # TODO {}\n", number, name, tap_text(outcome.listed));
    else
      text += fmt::format("not ok {} - {}\n{}", number, name, yaml_block(outcome));
  }
  return text;
}

std::string csv_report(const Run& run) {
  std::string text = "subject,case,title,clauses,outcome,seconds,listed,reason\r\n";
  for (const auto& outcome : run.outcomes)
    text += fmt::format("{},{},{},{},{},{:.6f},{},{}\r\n", field(outcome.subject), field(outcome.case_name),
                        field(outcome.title), fmt::join(outcome.clauses, " "), verdict_name(outcome.verdict),
                        outcome.seconds, field(outcome.listed), field(outcome.reason));
  return text;
}

std::string json_report(const Run& run) {
  std::map<std::string, Json> cases;
  for (const auto& outcome : run.outcomes)
    cases[outcome.case_name][outcome.subject] = is_known(outcome) ? "known" : verdict_name(outcome.verdict);
  Json host = {{"kernel", run.host.kernel}, {"machine", run.host.machine}, {"date", run.host.date}};
  Json suite = {{"revision", run.suite.revision}, {"cases", run.suite.cases}};
  std::vector<std::string> subjects, lines;
  for (const auto& subject : run.subjects) {
    Json one = {{"name", subject.name}};
    if (!subject.missing.empty())
      one["missing"] = subject.missing;
    else
      one.update({{"version", subject.version}, {"privilege", subject.privilege}, {"fs", subject.fs}});
    subjects.push_back("  " + one.dump());
  }
  for (const auto& [name, outcomes] : cases)
    lines.push_back(fmt::format("  {}: {}", Json(name).dump(), outcomes.dump()));
  return fmt::format(
      "{{\"format\": 1,\n\"host\": {},\n\"suite\": {},\n\"subjects\": [\n{}\n],\n\"cases\": {{\n{}\n}}}}\n",
      host.dump(), suite.dump(), fmt::join(subjects, ",\n"), fmt::join(lines, ",\n"));
}

}  // namespace ovlcheck
