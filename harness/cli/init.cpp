// init: from a program somebody wrote to a subject: a descriptor and a CI job for it, found by trying.
#include <fcntl.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>

#include "adapters/fuse/daemon.h"
#include "adapters/fuse/descriptor.h"
#include "adapters/fuse/recognise.h"
#include "harness/cli/ci_text.h"
#include "harness/cli/commands.h"
#include "harness/run/host_view.h"
#include "harness/run/sandbox.h"

namespace ovlcheck {
namespace {

constexpr std::chrono::minutes kPatience(5);  // a program that hangs in every way it is called

struct InitOptions {
  std::string command, privilege = "auto", output = ".", name;
};

// In the sandbox: what is found goes to standard output as one JSON object.
int recognise_here(const InitOptions& options) {
  Json answer;
  try {
    SandboxRequest request;
    request.privilege = privilege_from_name(options.privilege);
    request.shown = folders_in_command(options.command);
    Sandbox sandbox(request);
    const Environment& environment = sandbox.environment();
    if (environment.privilege == "none")
      answer["failed"] = "mounting needs root or a user namespace; `ovlcheck doctor` says how to get one";
    else if (!environment.dev_fuse)
      answer["failed"] =
          "there is no /dev/fuse here: load the module (modprobe fuse) or give the container that device";
    else if (auto found = recognise(options.command, environment, sandbox.directory(), sandbox.path()))
      answer = {{"descriptor", found->descriptor}, {"notes", found->notes}};
    else
      answer["failed"] = found.error();
  } catch (const std::exception& problem) {
    answer["failed"] = problem.what();
  }
  fmt::print("{}\n", answer.dump(-1, ' ', false, Json::error_handler_t::replace));
  return answer.contains("failed") ? kBroken : kAsExpected;
}

// The same in a process of its own, so that the files can be written outside the sandbox.
Json recognise_apart(const InitOptions& options) {
  auto child = Daemon::start(
      {own_program(), "init-probe", "--privilege", options.privilege, "--command", options.command}, {});
  if (!child) throw std::runtime_error(child.error());
  if (!(*child)->wait(kPatience))
    throw std::runtime_error("the program did not come to an end in five minutes");
  const std::string said = (*child)->said();
  const Json answer = Json::parse(said, nullptr, false);
  if (!answer.is_object()) throw std::runtime_error("cannot find out how it mounts: " + said);
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

  auto* probe = app.add_subcommand("init-probe", "What `init` runs in the sandbox")->group("");
  probe->add_option("--command", options->command)->required();
  probe->add_option("--privilege", options->privilege);
  probe->callback([options, &status] { status = recognise_here(*options); });
}

}  // namespace ovlcheck
