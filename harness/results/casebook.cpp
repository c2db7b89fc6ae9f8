#include "harness/results/casebook.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "harness/case/clauses.h"
#include "harness/case/print.h"
#include "harness/case/problem.h"

namespace ovlcheck {

Casebook casebook_of(const std::vector<Case>& cases, const std::filesystem::path& clauses) {
  Casebook book;
  for (const auto& c : cases) book.cases.push_back({c.name(), c.title, c.clauses, describe(c), c.json});
  if (!clauses.empty())
    for (const auto& clause : load_clauses(clauses)) book.clauses[clause.id] = clause.text;
  return book;
}

void write_casebook(const std::filesystem::path& path, const Casebook& book) {
  const auto dump = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << "{\"clauses\": " << dump(book.clauses) << ",\n\"cases\": [";
  const char* separator = "\n";
  for (const auto& c : book.cases) {
    out << separator
        << dump({{"name", c.name},
                 {"title", c.title},
                 {"clauses", c.clauses},
                 {"words", c.words},
                 {"json", c.json}});
    separator = ",\n";
  }
  out << "\n]}\n";
  out.close();
  if (!out) throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
}

Casebook read_casebook(const std::filesystem::path& path) {
  const auto file = (std::filesystem::is_directory(path) ? path : path.parent_path()) / "cases.json";
  std::ifstream in(file, std::ios::binary);
  Casebook book;
  if (!in) return book;
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    const Json json = Json::parse(text);
    book.clauses = json.at("clauses").get<std::map<std::string, std::string>>();
    for (const auto& c : json.at("cases"))
      book.cases.push_back({c.at("name").get<std::string>(), c.at("title").get<std::string>(),
                            c.at("clauses").get<std::vector<std::string>>(), c.at("words").get<std::string>(),
                            c.at("json")});
  } catch (const std::exception& bad) {
    throw BadCase(
        {Problem{file.string(), "", 0, std::string("is not the casebook of a run: ") + bad.what()}});
  }
  return book;
}

}  // namespace ovlcheck
