// userlay_bounce: a FUSE file system that answers every request at once and keeps nothing. What takes time on
// it is FUSE itself. Its last argument is the mount point.
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr double kForEver = 365.0 * 86400;
constexpr size_t kEntries = 10'000;
constexpr off_t kSmallSize = 2048;
constexpr off_t kLargeSize = 256 << 20;

// Names begin with what they are: "new" does not exist, f00000 is a small file, anything else a directory.
// The number in a file's name makes its inode; files below "w256m" are large, so is a new one.
constexpr fuse_ino_t kDirectories = 1000;
constexpr fuse_ino_t kSmallFiles = 100'000;
constexpr fuse_ino_t kLargeFiles = 200'000;

struct stat attributes_of(fuse_ino_t ino) {
  struct stat st {};
  st.st_ino = ino;
  st.st_nlink = 1;
  st.st_mode = ino < kSmallFiles ? S_IFDIR | 0755 : S_IFREG | 0644;
  st.st_size = ino < kSmallFiles ? 0 : ino < kLargeFiles ? kSmallSize : kLargeSize;
  return st;
}

fuse_entry_param entry_of(fuse_ino_t ino) {
  fuse_entry_param entry{};
  entry.ino = ino;
  entry.attr = attributes_of(ino);
  entry.attr_timeout = entry.entry_timeout = kForEver;
  return entry;
}

constexpr fuse_ino_t kLargeDirectory = kDirectories + 'w' * 256 + '2';

void init(void*, fuse_conn_info* connection) {
  connection->want |= connection->capable & (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_SPLICE_WRITE);
  connection->max_write = 1 << 20;
}

void lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  fuse_entry_param entry{};
  entry.entry_timeout = kForEver;
  if (name[0] == 'f') {
    const fuse_ino_t number = std::strtoul(name + 1, nullptr, 10);
    entry = entry_of((parent == kLargeDirectory ? kLargeFiles : kSmallFiles) + number);
  } else if (std::strncmp(name, "new", 3) != 0) {
    entry = entry_of(kDirectories + static_cast<unsigned char>(name[0]) * 256u +
                     static_cast<unsigned char>(name[1]));
  }
  (void)fuse_reply_entry(req, &entry);
}

void getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  const struct stat st = attributes_of(ino);
  (void)fuse_reply_attr(req, &st, kForEver);
}

void open(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  info->keep_cache = info->noflush = 1;
  (void)fuse_reply_open(req, info);
}

void opendir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  info->keep_cache = info->cache_readdir = 1;
  (void)fuse_reply_open(req, info);
}

void create(fuse_req_t req, fuse_ino_t, const char*, mode_t, fuse_file_info* info) {
  static fuse_ino_t next = kLargeFiles + kEntries;
  info->noflush = 1;
  fuse_entry_param entry = entry_of(++next);
  entry.attr.st_size = 0;
  (void)fuse_reply_create(req, &entry, info);
}

void read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  static const std::vector<char> zeroes(1 << 20);
  const off_t left = std::max<off_t>(attributes_of(ino).st_size - offset, 0);
  (void)fuse_reply_buf(req, zeroes.data(),
                       std::min<size_t>({size, zeroes.size(), static_cast<size_t>(left)}));
}

void write(fuse_req_t req, fuse_ino_t, const char*, size_t size, off_t, fuse_file_info*) {
  (void)fuse_reply_write(req, size);
}

void readdir(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
  std::vector<char> buffer(size);
  size_t used = 0;
  for (size_t i = static_cast<size_t>(offset); i < kEntries; ++i) {
    std::string name = std::to_string(i);
    name = "f" + std::string(5 - name.size(), '0') + name;
    const struct stat st = attributes_of(kSmallFiles + i);
    const size_t needed = fuse_add_direntry(req, buffer.data() + used, size - used, name.c_str(), &st,
                                            static_cast<off_t>(i) + 1);
    if (needed > size - used) break;
    used += needed;
  }
  (void)fuse_reply_buf(req, buffer.data(), used);
}

void unlink(fuse_req_t req, fuse_ino_t, const char*) {
  (void)fuse_reply_err(req, 0);
}

struct SessionDeleter {
  void operator()(fuse_session* session) const { fuse_session_destroy(session); }
};

}  // namespace

int main(int argc, char** argv) {
  fuse_lowlevel_ops operations{};
  operations.init = init;
  operations.lookup = lookup;
  operations.getattr = getattr;
  operations.open = open;
  operations.opendir = opendir;
  operations.create = create;
  operations.read = read;
  operations.write = write;
  operations.readdir = readdir;
  operations.unlink = unlink;
  char* arguments[] = {argv[0], const_cast<char*>("-ofsname=bounce"), nullptr};
  fuse_args args = FUSE_ARGS_INIT(2, arguments);
  const std::unique_ptr<fuse_session, SessionDeleter> session(
      fuse_session_new(&args, &operations, sizeof operations, nullptr));
  if (!session || fuse_session_mount(session.get(), argv[argc - 1]) != 0) return 1;
  const int ended = fuse_session_loop(session.get());
  fuse_session_unmount(session.get());
  return ended < 0;
}
