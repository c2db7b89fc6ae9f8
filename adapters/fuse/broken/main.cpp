// brokenfs: a FUSE file system that does what it should, but for the faults it is started with.
//
// brokenfs [FAULT...] LOWER UPPER MOUNTPOINT copies the tree of LOWER to UPPER and then serves UPPER. FAULT
// is KIND[=VALUE][@OPERATION[:N]]: from the N-th request of that operation on (any, unless named) it hangs,
// crashes, exits, answers errno=VALUE or takes slow=MILLISECONDS; or a standing fault: see README.md.
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "adapters/fuse/broken/faults.h"

namespace brokenfs {
namespace {

constexpr off_t kWrongSize = 1 << 20;
constexpr int kBabble = 8 << 20;  // bytes

struct Server {
  std::string upper;
  Faults faults;
  ino_t next_ino = 1000;
};

Server& server() {
  return *static_cast<Server*>(fuse_get_context()->private_data);
}

std::string real(const char* path) {
  return server().upper + path;
}

int result(int status) {
  return status < 0 ? -errno : status;
}

// The answer to a request: the fault's errno, or what `action` returns.
template <class Action>
int answer(const char* operation, Action action) {
  if (const int error = server().faults.strike(operation)) return -error;
  return action();
}

int get_attributes(const char* path, struct stat* status, fuse_file_info*) {
  return answer("getattr", [&] {
    if (lstat(real(path).c_str(), status) != 0) return -errno;
    if (server().faults.has("inode")) status->st_ino = server().next_ino++;
    if (server().faults.has("wrong-size") && S_ISREG(status->st_mode)) status->st_size += kWrongSize;
    return 0;
  });
}

int fill_directory(const char* path, void* buffer, fuse_fill_dir_t fill) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(real(path).c_str()), closedir);
  if (!listing) return -errno;
  const Faults& faults = server().faults;
  const auto add = [&](const std::string& name, unsigned char type, ino_t ino) {
    struct stat status = {};
    if (faults.has("wrong-type") && type == DT_REG) type = DT_LNK;
    status.st_mode = DTTOIF(type);
    status.st_ino = ino;
    return fill(buffer, name.c_str(), &status, 0, fuse_fill_dir_flags{}) != 0;
  };
  bool omitted = !faults.has("omit");
  while (const dirent* entry = readdir(listing.get())) {
    const std::string name = entry->d_name;
    if (!omitted && name != "." && name != "..") {
      omitted = true;
      continue;
    }
    if (add(name, entry->d_type, entry->d_ino)) break;
    if (faults.has("twice") && name != "." && name != "..") (void)add(name, entry->d_type, entry->d_ino);
  }
  if (faults.has("phantom")) (void)add("phantom", DT_REG, 99);
  return 0;
}

// Every call has more names: their offsets only ever grow.
int fill_endlessly(void* buffer, fuse_fill_dir_t fill, off_t offset) {
  struct stat status = {};
  status.st_mode = S_IFREG;
  do ++offset;
  while (fill(buffer, std::to_string(offset).c_str(), &status, offset, fuse_fill_dir_flags{}) == 0);
  return 0;
}

int read_directory(const char* path, void* buffer, fuse_fill_dir_t fill, off_t offset, fuse_file_info*,
                   fuse_readdir_flags) {
  return answer("readdir", [&] {
    return server().faults.has("endless") ? fill_endlessly(buffer, fill, offset)
                                          : fill_directory(path, buffer, fill);
  });
}

int open_file(const char* path, fuse_file_info* info) {
  return answer("open", [&] {
    const int fd = open(real(path).c_str(), info->flags & ~(O_CREAT | O_EXCL));
    if (fd < 0) return -errno;
    info->fh = static_cast<uint64_t>(fd);
    // Else the kernel would not ask for what lies behind the end.
    info->direct_io = server().faults.has("endless-file");
    return 0;
  });
}

int create_file(const char* path, mode_t mode, fuse_file_info* info) {
  return answer("create", [&] {
    const int fd = open(real(path).c_str(), info->flags | O_CREAT, mode);
    if (fd < 0) return -errno;
    info->fh = static_cast<uint64_t>(fd);
    return 0;
  });
}

int read_file(const char*, char* buffer, size_t size, off_t offset, fuse_file_info* info) {
  return answer("read", [&] {
    if (server().faults.has("endless-file")) {
      std::memset(buffer, 'x', size);
      return static_cast<int>(size);
    }
    return result(static_cast<int>(pread(static_cast<int>(info->fh), buffer, size, offset)));
  });
}

int write_file(const char*, const char* buffer, size_t size, off_t offset, fuse_file_info* info) {
  return answer("write", [&] {
    return result(static_cast<int>(pwrite(static_cast<int>(info->fh), buffer, size, offset)));
  });
}

int release_file(const char*, fuse_file_info* info) {
  return result(close(static_cast<int>(info->fh)));
}

int truncate_file(const char* path, off_t size, fuse_file_info*) {
  return answer("truncate", [&] { return result(truncate(real(path).c_str(), size)); });
}

int make_directory(const char* path, mode_t mode) {
  return answer("mkdir", [&] { return result(mkdir(real(path).c_str(), mode)); });
}

int remove_file(const char* path) {
  return answer("unlink", [&] { return result(unlink(real(path).c_str())); });
}

int remove_directory(const char* path) {
  return answer("rmdir", [&] { return result(rmdir(real(path).c_str())); });
}

fuse_operations operations() {
  fuse_operations all = {};
  all.init = [](fuse_conn_info*, fuse_config* config) {
    config->use_ino = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    return fuse_get_context()->private_data;
  };
  all.getattr = get_attributes;
  all.readdir = read_directory;
  all.open = open_file;
  all.create = create_file;
  all.read = read_file;
  all.write = write_file;
  all.release = release_file;
  all.truncate = truncate_file;
  all.mkdir = make_directory;
  all.unlink = remove_file;
  all.rmdir = remove_directory;
  return all;
}

// Goes on in a process whose parent has ended.
void leave_parent() {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child > 0) _exit(0);
}

void babble() {
  const std::string line(1023, 'b');
  for (int written = 0; written < kBabble; written += 1024) {
    // Nobody has to listen: a full pipe or file is the point.
    (void)std::fprintf(stderr, "%s\n", line.c_str());
    (void)std::fprintf(stdout, "%s\n", line.c_str());
  }
}

void misbehave_at_start(const Faults& faults) {
  if (faults.has("deaf"))
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) (void)signal(number, SIG_IGN);
  if (faults.has("babble")) babble();
}

// Twice into the background, once the mount stands.
void misbehave_once_mounted(const Faults& faults) {
  if (!faults.has("background") && !faults.has("orphan")) return;
  if (faults.has("orphan") && clearenv() != 0) throw std::runtime_error("clearenv failed");
  leave_parent();
  if (setsid() < 0) throw std::runtime_error("setsid failed");
  leave_parent();
}

int serve(Server& state, const char* mount_point) {
  const fuse_operations all = operations();
  fuse_args args = FUSE_ARGS_INIT(0, nullptr);
  for (const char* argument : {"brokenfs", "-o", "allow_other,default_permissions,fsname=brokenfs"})
    if (fuse_opt_add_arg(&args, argument) != 0) throw std::runtime_error("out of memory");
  const std::unique_ptr<fuse, void (*)(fuse*)> handle(fuse_new(&args, &all, sizeof all, &state),
                                                      fuse_destroy);
  fuse_opt_free_args(&args);
  if (!handle || fuse_mount(handle.get(), mount_point) != 0) return 1;
  misbehave_once_mounted(state.faults);
  const int status = fuse_loop(handle.get());
  if (state.faults.has("linger"))
    for (;;) (void)pause();
  fuse_unmount(handle.get());
  return status == 0 ? 0 : 1;
}

int run(int argc, char** argv) {
  if (argc < 4) throw std::invalid_argument("usage: brokenfs [FAULT...] LOWER UPPER MOUNTPOINT");
  std::vector<Fault> all;
  for (int i = 1; i < argc - 3; ++i) all.push_back(fault_from(argv[i]));
  Server state{argv[argc - 2], Faults(std::move(all))};
  std::filesystem::copy(
      argv[argc - 3], state.upper,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  (void)umask(0);
  misbehave_at_start(state.faults);
  return serve(state, argv[argc - 1]);
}

}  // namespace
}  // namespace brokenfs

int main(int argc, char** argv) {
  try {
    return brokenfs::run(argc, argv);
  } catch (const std::exception& problem) {
    (void)std::fprintf(stderr, "brokenfs: %s\n", problem.what());
    return 1;
  }
}
