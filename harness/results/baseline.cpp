#include "harness/results/baseline.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>

#include "harness/case/case.h"
#include "harness/case/pattern.h"
#include "harness/case/problem.h"

namespace ovlcheck {
namespace {

// Reads one member with complaints that name the place.
class Reader {
 public:
  Reader(const std::string& text, const std::string& file) : text_(text), file_(file) {}

  [[noreturn]] void refuse(const std::string& pointer, const std::string& message) const {
    throw BadCase({Problem{file_, pointer, line_of(text_, pointer), message}});
  }

  void only(const Json& object, const std::string& pointer, std::initializer_list<const char*> known) const {
    if (!object.is_object()) refuse(pointer, "must be an object");
    for (const auto& item : object.items())
      if (std::find(known.begin(), known.end(), item.key()) == known.end())
        refuse(pointer, "unknown member \"" + item.key() + '"');
  }

  std::string text(const Json& object, const std::string& pointer, const char* member, bool required) const {
    const auto found = object.find(member);
    if (found == object.end() && !required) return "";
    if (found == object.end()) refuse(pointer, std::string("needs the member \"") + member + '"');
    if (!found->is_string() || (required && found->get_ref<const std::string&>().empty()))
      refuse(pointer + "/" + member, "must be a text that is not empty");
    return found->get<std::string>();
  }

  BaselineEntry entry(const Json& json, const std::string& pointer) const {
    only(json, pointer, {"cases", "outcome", "reason", "link", "versions", "fs"});
    BaselineEntry entry;
    if (!json.contains("cases") || !json["cases"].is_array() || json["cases"].empty())
      refuse(pointer, "needs the member \"cases\", an array of names or patterns");
    for (const auto& name : json["cases"]) {
      if (!name.is_string()) refuse(pointer + "/cases", "must be an array of names or patterns");
      entry.cases.push_back(name.get<std::string>());
    }
    try {
      entry.verdict = verdict_from_name(text(json, pointer, "outcome", true));
    } catch (const std::invalid_argument& unknown) {
      refuse(pointer + "/outcome", unknown.what());
    }
    if (entry.verdict == Verdict::pass || entry.verdict == Verdict::skip)
      refuse(pointer + "/outcome", "must be a deviation: fail, error, timeout or crash");
    entry.reason = text(json, pointer, "reason", true);
    entry.link = text(json, pointer, "link", false);
    entry.versions = text(json, pointer, "versions", false);
    entry.fs = text(json, pointer, "fs", false);
    return entry;
  }

 private:
  const std::string& text_;
  const std::string& file_;
};

std::string version_number(const std::string& version) {
  return version.substr(version.find_last_of(' ') + 1);
}

const BaselineEntry* entry_for(const Baseline& baseline, const SubjectInfo& subject, const Outcome& outcome) {
  for (const auto& entry : baseline.entries) {
    if (deviates(outcome) && entry.verdict != outcome.verdict) continue;
    if (!entry.versions.empty() && !version_in_range(version_number(subject.version), entry.versions))
      continue;
    if (subject.fs.find(entry.fs) == subject.fs.npos) continue;
    if (std::any_of(entry.cases.begin(), entry.cases.end(),
                    [&](const auto& pattern) { return matches_case(pattern, outcome.case_name); }))
      return &entry;
  }
  return nullptr;
}

}  // namespace

Baseline read_baseline(const std::filesystem::path& path) {
  const std::string file = path.string();
  std::ifstream in(path, std::ios::binary);
  if (!in) throw BadCase({Problem{file, "", 0, "cannot be read"}});
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const Reader reader(text, file);
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw BadCase({Problem{file, "", 0, std::string("is not JSON: ") + error.what()}});
  }
  reader.only(json, "", {"subject", "about", "entries"});
  Baseline baseline;
  baseline.subject = reader.text(json, "", "subject", true);
  if (!json.contains("entries") || !json["entries"].is_array())
    reader.refuse("", "needs the member \"entries\", an array");
  for (size_t i = 0; i < json["entries"].size(); ++i)
    baseline.entries.push_back(reader.entry(json["entries"][i], "/entries/" + std::to_string(i)));
  return baseline;
}

void write_baseline(const std::filesystem::path& file, const Baseline& baseline) {
  Json json = {{"subject", baseline.subject}, {"entries", Json::array()}};
  for (const auto& entry : baseline.entries) {
    Json one = {{"outcome", verdict_name(entry.verdict)}, {"reason", entry.reason}};
    if (!entry.link.empty()) one["link"] = entry.link;
    if (!entry.versions.empty()) one["versions"] = entry.versions;
    if (!entry.fs.empty()) one["fs"] = entry.fs;
    one["cases"] = entry.cases;
    json["entries"].push_back(std::move(one));
  }
  const auto temporary = file.string() + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << json.dump(2) << '\n';
  out.close();
  if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + temporary);
  std::filesystem::rename(temporary, file);
}

std::filesystem::path baseline_file(const std::filesystem::path& folder, const std::string& subject) {
  for (const std::string& name : {subject, subject.substr(0, subject.find_first_of("@:"))})
    if (auto file = folder / (name + ".json"); std::filesystem::exists(file)) return file;
  return {};
}

void apply(const Baseline& baseline, const SubjectInfo& subject, Outcome& outcome) {
  if (outcome.verdict == Verdict::skip) return;
  if (const BaselineEntry* entry = entry_for(baseline, subject, outcome))
    outcome.listed = entry->reason + (entry->link.empty() ? "" : " (" + entry->link + ")");
}

size_t accept(Baseline& baseline, const Run& run, const std::string& subject, const std::string& reason,
              const std::string& link, const std::vector<std::string>& patterns) {
  std::map<Verdict, std::vector<std::string>> added;
  SubjectInfo info;
  for (const auto& one : run.subjects)
    if (one.name == subject) info = one;
  size_t count = 0;
  for (const auto& outcome : run.outcomes) {
    const bool chosen =
        patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
          return matches_case(pattern, outcome.case_name);
        });
    if (outcome.subject != subject || !deviates(outcome) || is_known(outcome) || !chosen) continue;
    // The run may be older than the list, or made without it.
    if (entry_for(baseline, info, outcome)) continue;
    added[outcome.verdict].push_back(outcome.case_name);
    ++count;
  }
  for (auto& [verdict, cases] : added) baseline.entries.push_back({std::move(cases), verdict, reason, link});
  return count;
}

}  // namespace ovlcheck
