// The files of a run folder: events.jsonl and results.json.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "harness/case/problem.h"
#include "harness/results/results.h"

namespace ovlcheck {
namespace {

constexpr int kFormat = 1;
constexpr size_t kWriteAtOnce = 1 << 20;  // bytes

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
  throw std::system_error(errno, std::generic_category(), std::string(what) + " " + path.string());
}

// What programs print need not be UTF-8; a report is better with a replacement character than not written.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Fd create(const std::filesystem::path& path, int flags) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644));
  if (!fd) fail("cannot create", path);
  return fd;
}

void write_all(const Fd& fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("cannot write", path);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string read_all(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot read", path);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) fail("cannot read", path);
  return text;
}

[[noreturn]] void reject(const std::filesystem::path& path, const std::string& pointer, int line,
                         const std::string& message) {
  throw BadCase({Problem{path.string(), pointer, line, message}});
}

// Reads one part of results.json; complaints name the part.
class Part {
 public:
  Part(const std::filesystem::path& path, const std::string& text) : path_(path), text_(text) {}

  template <class Read>
  void operator()(const std::string& pointer, Read read) const {
    try {
      read();
    } catch (const BadCase&) {
      throw;
    } catch (const std::exception& e) {
      reject(path_, pointer, line_of(text_, pointer), e.what());
    }
  }

 private:
  const std::filesystem::path& path_;
  const std::string& text_;
};

Json json_from_subject(const SubjectInfo& subject) {
  Json json = {{"name", subject.name},
               {"version", subject.version},
               {"privilege", subject.privilege},
               {"fs", subject.fs}};
  if (!subject.missing.empty()) json["missing"] = subject.missing;
  return json;
}

SubjectInfo subject_from_json(const Json& json) {
  return {json.at("name").get<std::string>(), json.at("version").get<std::string>(),
          json.at("privilege").get<std::string>(), json.at("fs").get<std::string>(),
          json.value("missing", std::string())};
}

// All of it but the outcomes.
Json json_from_run(const Run& run) {
  Json json = {{"format", kFormat}};
  json["host"] = {{"kernel", run.host.kernel},
                  {"machine", run.host.machine},
                  {"cpus", run.host.cpus},
                  {"date", run.host.date}};
  json["suite"] = {{"revision", run.suite.revision}, {"cases", run.suite.cases}};
  json["suite"]["groups"] = run.suite.groups;
  Json& subjects = json["subjects"] = Json::array();
  for (const SubjectInfo& subject : run.subjects) subjects.push_back(json_from_subject(subject));
  Json& summary = json["summary"] = Json::object();
  for (const auto& [subject, counts] : summarize(run))
    for (const auto& [verdict, count] : counts) summary[subject][verdict_name(verdict)] = count;
  return json;
}

Run run_from_json(const Json& json, const Part& part) {
  Run run;
  part("/format", [&] {
    if (json.at("format") != kFormat)
      throw std::invalid_argument("this program reads format " + std::to_string(kFormat) + ", not " +
                                  dump(json.at("format"), -1));
  });
  part("/host", [&] {
    const Json& host = json.at("host");
    run.host = {host.at("kernel").get<std::string>(), host.at("machine").get<std::string>(),
                host.at("cpus").get<unsigned>(), host.at("date").get<std::string>()};
  });
  part("/suite", [&] {
    const Json& suite = json.at("suite");
    run.suite.revision = suite.at("revision").get<std::string>();
    run.suite.cases = suite.at("cases").get<size_t>();
    run.suite.groups = suite.at("groups").get<std::map<std::string, size_t>>();
  });
  for (const char* member : {"subjects", "outcomes"})
    part(std::string("/") + member, [&] {
      if (!json.at(member).is_array()) throw std::invalid_argument("is not an array");
    });
  for (size_t i = 0; i < json["subjects"].size(); ++i)
    part("/subjects/" + std::to_string(i),
         [&] { run.subjects.push_back(subject_from_json(json["subjects"][i])); });
  run.outcomes.reserve(json["outcomes"].size());
  for (size_t i = 0; i < json["outcomes"].size(); ++i)
    part("/outcomes/" + std::to_string(i),
         [&] { run.outcomes.push_back(outcome_from_json(json["outcomes"][i])); });
  return run;
}

}  // namespace

EventLog::EventLog(const std::filesystem::path& path, bool go_on)
    : path_(path), fd_(create(path, O_APPEND | (go_on ? 0 : O_TRUNC))) {}

void EventLog::append(const Outcome& outcome) {
  write_all(fd_, dump(json_from_outcome(outcome), -1) + '\n', path_);
}

std::vector<Outcome> read_events(const std::filesystem::path& path) {
  const std::string text = read_all(path);
  std::vector<Outcome> outcomes;
  int line = 1;
  for (size_t start = 0; start < text.size(); ++line) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) break;  // torn: append() ends every line
    try {
      outcomes.push_back(outcome_from_json(Json::parse(text.begin() + static_cast<std::ptrdiff_t>(start),
                                                       text.begin() + static_cast<std::ptrdiff_t>(end))));
    } catch (const std::exception& e) {
      reject(path, "", line, std::string("not an outcome: ") + e.what());
    }
    start = end + 1;
  }
  return outcomes;
}

void write_results(const std::filesystem::path& path, const Run& run) {
  std::filesystem::path temporary = path;
  temporary += ".new";
  Fd fd = create(temporary, O_TRUNC);
  // Outcome by outcome: there may be very many.
  std::string text = dump(json_from_run(run), 1);
  text.replace(text.rfind('\n'), text.npos, ",\n \"outcomes\": [");
  const char* separator = "\n  ";
  for (const Outcome& outcome : run.outcomes) {
    text += separator + dump(json_from_outcome(outcome), -1);
    separator = ",\n  ";
    if (text.size() < kWriteAtOnce) continue;
    write_all(fd, text, temporary);
    text.clear();
  }
  write_all(fd, text + "\n ]\n}\n", temporary);
  if (::fsync(fd.get()) != 0) fail("cannot write", temporary);
  std::filesystem::rename(temporary, path);
}

Run read_results(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return read_results(path / "results.json");
  const std::string text = read_all(path);
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& e) {
    const int line =
        1 +
        static_cast<int>(std::count(
            text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte, text.size())), '\n'));
    reject(path, "", line, e.what());
  } catch (const Json::out_of_range& e) {  // a number
    reject(path, "", 0, e.what());
  }
  return run_from_json(json, Part(path, text));
}

}  // namespace ovlcheck
