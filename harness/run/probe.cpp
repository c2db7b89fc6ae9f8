#include "harness/run/probe.h"

#include <boost/asio/io_context.hpp>

#include "harness/run/start_worker.h"

namespace ovlcheck {

SubjectInfo subject_from_hello(const std::string& name, const Json& hello) {
  SubjectInfo info;
  info.name = name;
  info.version = hello.at("version").get<std::string>();
  info.privilege = hello.at("privilege").get<std::string>();
  info.fs = hello.at("fs").get<std::string>();
  info.missing = hello.at("missing").get<std::string>();
  return info;
}

std::vector<SubjectInfo> probe(const PoolRequest& request) {
  std::vector<SubjectInfo> all;
  for (const auto& subject : request.subjects) {
    SubjectInfo info;
    info.name = subject.name;
    info.missing = "its worker ended before it said a word";
    boost::asio::io_context context;
    std::unique_ptr<WorkerChannel> worker;
    worker = start_worker(
        context, request, subject,
        [&](const std::string& line) {
          const Json word = Json::parse(line);
          if (word.contains("hello")) info = subject_from_hello(subject.name, word["hello"]);
          if (word.contains("broken")) info.missing = word["broken"].get<std::string>();
          worker->finish();
        },
        [&](const std::string& why) {
          if (info.version.empty() && !why.empty()) info.missing = why;
        });
    context.run();
    all.push_back(std::move(info));
  }
  return all;
}

}  // namespace ovlcheck
