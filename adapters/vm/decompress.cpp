#include "adapters/vm/decompress.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "harness/ops/fd.h"

namespace ovlcheck {
namespace {

std::string read_all(int fd, const std::string& what) {
  std::string content;
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t n = read(fd, chunk.data(), chunk.size());
    if (n == 0) return content;
    if (n < 0 && errno != EINTR) throw std::runtime_error("read " + what + ": " + std::strerror(errno));
    if (n > 0) content.append(chunk.data(), static_cast<size_t>(n));
  }
}

// What `program -dc PATH` writes.
std::string output_of(const char* program, const std::string& path) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  Fd reader(ends[0]), writer(ends[1]);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) throw std::bad_alloc();
  const bool prepared = posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO) == 0;
  std::string name = program, option = "-dc", file = path;
  std::array<char*, 4> arguments = {name.data(), option.data(), file.data(), nullptr};
  pid_t child = -1;
  const int error =
      prepared ? posix_spawnp(&child, program, &actions, nullptr, arguments.data(), environ) : ENOMEM;
  (void)posix_spawn_file_actions_destroy(&actions);
  if (error != 0)
    throw std::runtime_error(std::string("cannot run ") + program + " for " + path + ": " +
                             std::strerror(error));
  writer.reset();
  std::string content = read_all(reader.get(), path);
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw std::runtime_error(std::string("waitpid: ") + std::strerror(errno));
  if (status != 0) throw std::runtime_error(std::string(program) + " cannot decompress " + path);
  return content;
}

}  // namespace

std::string read_decompressed(const std::string& path) {
  if (path.ends_with(".xz")) return output_of("xz", path);
  if (path.ends_with(".zst")) return output_of("zstd", path);
  if (path.ends_with(".gz")) return output_of("gzip", path);
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) throw std::runtime_error("open " + path + ": " + std::strerror(errno));
  return read_all(file.get(), path);
}

}  // namespace ovlcheck
