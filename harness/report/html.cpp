#include "harness/report/html.h"

#include <fmt/format.h>
#include <zlib.h>

#include <kainjow/mustache.hpp>
#include <map>
#include <stdexcept>

#include "harness/report/html_text.h"
#include "harness/report/matrix.h"

namespace ovlcheck {
namespace {

std::string gzip(const std::string& text) {
  z_stream stream{};
  constexpr int kGzip = 15 + 16;  // window bits, with a gzip header
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib cannot start");
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write there
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int end = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  (void)deflateEnd(&stream);
  if (end != Z_STREAM_END) throw std::runtime_error("zlib cannot pack the report's data");
  return packed;
}

std::string base64(const std::string& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u; };
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int digit = 0; digit < 4; ++digit)
      text += i + static_cast<size_t>(digit) > bytes.size() ? '=' : kDigits[group >> (18 - 6 * digit) & 63];
  }
  return text;
}

Json json_of_case(const CaseText& c) {
  return {{"name", c.name},       {"group", group_of(c.name)}, {"title", c.title},
          {"clauses", c.clauses}, {"words", c.words},          {"json", c.json}};
}

// Cases a run knows only by their outcomes.
std::map<std::string, CaseText> cases_from_outcomes(const Run& run) {
  std::map<std::string, CaseText> all;
  for (const auto& outcome : run.outcomes) {
    CaseText& c = all[outcome.case_name];
    c.name = outcome.case_name;
    if (c.title.empty()) c.title = outcome.title, c.clauses = outcome.clauses;
  }
  return all;
}

Json page_data(const Run& run, const Casebook& book) {
  auto rest = cases_from_outcomes(run);
  std::map<std::string, Json> by_name;
  for (const auto& c : book.cases) {
    by_name[c.name] = json_of_case(c);
    rest.erase(c.name);
  }
  for (const auto& [name, c] : rest) by_name[name] = json_of_case(c);

  Json data = {{"subjects", Json::array()},
               {"clauses", book.clauses},
               {"cases", Json::array()},
               {"outcomes", Json::object()}};
  for (auto& [name, c] : by_name) data["cases"].push_back(std::move(c));
  for (const auto& subject : run.subjects)
    data["subjects"].push_back(
        {{"name", subject.name}, {"version", subject.version}, {"missing", subject.missing}});
  std::map<std::string, std::map<std::string, Json>> outcomes;
  for (const auto& outcome : run.outcomes) {
    Json one = json_from_outcome(outcome);
    for (const char* known : {"subject", "case", "title", "clauses", "seconds"}) one.erase(known);
    outcomes[outcome.subject][outcome.case_name] = std::move(one);
  }
  for (auto& [subject, cases] : outcomes) data["outcomes"][subject] = std::move(cases);
  return data;
}

}  // namespace

std::string html_report(const Run& run, const Casebook& book) {
  std::string subjects;
  for (const auto& subject : run.subjects)
    if (!subject.version.empty())
      subjects += (subjects.empty() ? "" : ", ") + (subject.version.starts_with(subject.name)
                                                        ? subject.version
                                                        : subject.name + " " + subject.version);
  kainjow::mustache::mustache page(html_page);
  kainjow::mustache::data values;
  values.set("title", "Overlay conformance matrix");
  values.set("facts",
             fmt::format("{} cases, suite {}; Linux {} on {}, {}; {}", run.suite.cases, run.suite.revision,
                         run.host.kernel, run.host.machine, run.host.date, subjects));
  values.set("data", base64(gzip(page_data(run, book).dump(-1, ' ', false, Json::error_handler_t::replace))));
  values.set("script", std::string(html_script));
  return page.render(values);
}

}  // namespace ovlcheck
