// init: from a program somebody wrote to a subject: a descriptor and a CI job for it, found by trying.
#include <fcntl.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "adapters/fuse/descriptor.h"
#include "adapters/fuse/recognise.h"
#include "harness/cli/ci_text.h"
#include "harness/cli/commands.h"
#include "harness/run/forked_process.h"
#include "harness/run/host_view.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {
namespace {

struct InitOptions {
  std::string command, privilege = "auto", output = ".", name;
};

// In the sandbox: {"descriptor", "notes"} or {"failed"}.
Json recognise_here(const InitOptions& options) {
  SandboxRequest request;
  request.privilege = privilege_from_name(options.privilege);
  request.shown = folders_in_command(options.command);
  Sandbox sandbox(request);
  const Environment& environment = sandbox.environment();
  if (environment.privilege == "none")
    return {{"failed", "mounting needs root or a user namespace; `ovlcheck doctor` says how to get one"}};
  if (!environment.dev_fuse)
    return {
        {"failed",
         "there is no /dev/fuse here: load the module (modprobe fuse) or give the container that device"}};
  const auto found = recognise(options.command, environment, sandbox.directory(), sandbox.path());
  if (!found) return {{"failed", found.error()}};
  return {{"descriptor", found->descriptor}, {"notes", found->notes}};
}

// The same in a process of its own, so that the files can be written outside the sandbox.
Json recognise_apart(const InitOptions& options) {
  ForkedProcess process([&options](int out) {
    try {
      tell(out, recognise_here(options));
    } catch (const std::exception& problem) {
      tell(out, {{"failed", problem.what()}});
    }
    return 0;
  });
  Json answer;
  while (process.read([&](const Json& word) { answer = word; })) {
  }
  const std::string end = process.wait();
  if (!answer.is_object()) throw std::runtime_error("the process that tried it out ended with " + end);
  return answer;
}

void write_new(const std::filesystem::path& path, const std::string& text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "cannot make " + path.string());
  Fd file(fd);
  if (write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::system_error(errno, std::generic_category(), "cannot write " + path.string());
}

std::string ci_job(const std::string& name) {
  std::string text = ci_template;
  for (size_t at; (at = text.find("@NAME@")) != std::string::npos;) text.replace(at, 6, name);
  return text;
}

int init(const InitOptions& options) {
  if (options.command.find('{') != std::string::npos) (void)descriptor_for_command(options.command);
  Json answer = recognise_apart(options);
  if (answer.contains("failed")) {
    fmt::print(stderr, "ovlcheck: {}\n", answer["failed"].get<std::string>());
    if (options.command.find('{') == std::string::npos)
      fmt::print(stderr,
                 "ovlcheck: say how it mounts, e.g. ovlcheck init '{} -o "
                 "lowerdir={{lower}},upperdir={{upper}},workdir={{work}} {{mount}}'\n",
                 options.command);
    return kBroken;
  }
  Json& descriptor = answer["descriptor"];
  if (!options.name.empty()) descriptor["name"] = options.name;
  const auto name = descriptor["name"].get<std::string>();
  const auto folder = std::filesystem::path(options.output);
  const std::string text = descriptor.dump(2) + "\n";
  (void)read_descriptor(text, name + ".json");
  write_new(folder / (name + ".json"), text);
  write_new(folder / (name + "-ci.yml"), ci_job(name));
  for (const auto& note : answer["notes"]) fmt::print("{}\n", note.get<std::string>());
  fmt::print(
      "\n{0}/{1}.json     how to mount it; look it over\n{0}/{1}-ci.yml   a CI job\n\nNow:\n"
      "  ovlcheck run --subject {0}/{1}.json --subject kernel --output conformance\n"
      "  ovlcheck report conformance --format html --output matrix.html\n",
      folder.string(), name);
  return kAsExpected;
}

}  // namespace

void add_init(CLI::App& app, int& status) {
  auto options = std::make_shared<InitOptions>();
  auto* command = app.add_subcommand(
      "init", "Find out how your file system mounts; write a descriptor and a CI job for it");
  command
      ->add_option("command", options->command,
                   "Program, or a command with {lower}, {upper}, {work}, {mount} and {options}")
      ->required()
      ->type_name("COMMAND");
  command->add_option("--name", options->name, "What to call it (default: the program's name)")
      ->type_name("NAME");
  command->add_option("--privilege", options->privilege, "auto, userns or root")->capture_default_str();
  command->add_option("--output", options->output, "Folder for NAME.json and NAME-ci.yml")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  command->callback([options, &status] { status = init(*options); });
}

}  // namespace ovlcheck
