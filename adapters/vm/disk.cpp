#include "adapters/vm/disk.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <stdexcept>

namespace ovlcheck {
namespace {

constexpr size_t kDiskSize = size_t{512} << 20;

// A program that makes file systems. The words {file} and {directory} stand for its operands.
struct Maker {
  std::string package;
  std::vector<std::string> command;
};
using Makers = std::map<std::string, Maker>;

const Makers kDiskMakers = {{"ext4", {"e2fsprogs", {"mkfs.ext4", "-q", "-F", "-O", "verity", "{file}"}}},
                            {"xfs", {"xfsprogs", {"mkfs.xfs", "-q", "-f", "{file}"}}},
                            {"btrfs", {"btrfs-progs", {"mkfs.btrfs", "-q", "-f", "{file}"}}}};

// Inodes with times of their own; one processor, since a tree of a case is tiny.
const Makers kImageMakers = {
    {"erofs", {"erofs-utils", {"mkfs.erofs", "--quiet", "-Eforce-inode-extended", "{file}", "{directory}"}}},
    {"squashfs",
     {"squashfs-tools",
      {"mksquashfs", "{directory}", "{file}", "-noappend", "-no-progress", "-quiet", "-processors", "1"}}}};

// mkfs is not in the PATH of ordinary users.
std::string find_in_sbin(const std::string& name) {
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/usr/local/sbin/"})
    if (access((directory + name).c_str(), X_OK) == 0) return directory + name;
  return "";
}

std::vector<std::string> names_of(const Makers& makers) {
  std::vector<std::string> names;
  for (const auto& [name, maker] : makers) names.push_back(name);
  return names;
}

void run_quietly(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (auto& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) throw std::bad_alloc();
  const MemoryFile words("words");
  const bool prepared =
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
      posix_spawn_file_actions_adddup2(&actions, words.fd(), STDERR_FILENO) == 0;
  pid_t child = -1;
  const int error =
      prepared ? posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ) : ENOMEM;
  (void)posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot run " + command[0] + ": " + std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error(std::string("waitpid: ") + std::strerror(errno));
  if (status == 0) return;
  std::string said = words.read();
  std::replace(said.begin(), said.end(), '\n', ' ');
  throw std::runtime_error(command[0] + " failed: " + said);
}

}  // namespace

std::string missing_maker(const std::string& fs) {
  for (const Makers* makers : {&kDiskMakers, &kImageMakers}) {
    const auto maker = makers->find(fs);
    if (maker == makers->end()) continue;
    const std::string& program = maker->second.command[0];
    return find_in_sbin(program).empty()
               ? program + " is not installed: apt-get install " + maker->second.package
               : "";
  }
  return "nothing makes a file system " + fs;
}

namespace {

void make(const Makers& makers, const std::string& fs, const MemoryFile& file, const std::string& directory) {
  if (!makers.contains(fs)) throw std::runtime_error("no file system can be made with " + fs);
  if (const auto missing = missing_maker(fs); !missing.empty()) throw std::runtime_error(missing);
  std::vector<std::string> command = makers.at(fs).command;
  command[0] = find_in_sbin(command[0]);
  std::replace(command.begin(), command.end(), std::string("{file}"), file.path());
  std::replace(command.begin(), command.end(), std::string("{directory}"), directory);
  run_quietly(std::move(command));
}

}  // namespace

std::vector<std::string> disk_file_systems() {
  std::vector<std::string> all = names_of(kDiskMakers);
  std::erase_if(all, [](const auto& fs) { return find_in_sbin(kDiskMakers.at(fs).command[0]).empty(); });
  return all;
}

std::unique_ptr<MemoryFile> make_disk(const std::string& fs) {
  auto disk = std::make_unique<MemoryFile>("disk");
  disk->resize(kDiskSize);
  make(kDiskMakers, fs, *disk, "");
  return disk;
}

std::vector<std::string> image_file_systems() {
  return names_of(kImageMakers);
}

std::unique_ptr<MemoryFile> make_image(const std::string& fs, const std::string& directory) {
  auto image = std::make_unique<MemoryFile>("image");
  make(kImageMakers, fs, *image, directory);
  return image;
}

}  // namespace ovlcheck
