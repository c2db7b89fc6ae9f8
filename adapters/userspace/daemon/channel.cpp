#include "adapters/userspace/daemon/channel.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "adapters/userspace/daemon/request_form.h"

namespace userlay {
namespace {

struct TmpfileRequest {
  fuse_in_header header;
  fuse_create_in arguments;
};

fuse_attr attributes(const struct stat& st) {
  fuse_attr out{};
  out.ino = st.st_ino;
  out.size = static_cast<uint64_t>(st.st_size);
  out.blocks = static_cast<uint64_t>(st.st_blocks);
  out.atime = static_cast<uint64_t>(st.st_atim.tv_sec);
  out.mtime = static_cast<uint64_t>(st.st_mtim.tv_sec);
  out.ctime = static_cast<uint64_t>(st.st_ctim.tv_sec);
  out.atimensec = static_cast<uint32_t>(st.st_atim.tv_nsec);
  out.mtimensec = static_cast<uint32_t>(st.st_mtim.tv_nsec);
  out.ctimensec = static_cast<uint32_t>(st.st_ctim.tv_nsec);
  out.mode = st.st_mode;
  out.nlink = static_cast<uint32_t>(st.st_nlink);
  out.uid = st.st_uid;
  out.gid = st.st_gid;
  out.blksize = static_cast<uint32_t>(st.st_blksize);
  return out;
}

// As in linux/fuse.h since 6.9; the id takes the place of what was padding.
constexpr uint64_t kPassthrough = uint64_t{1} << 37;
constexpr uint32_t kOpenedPassthrough = 1 << 7;

void pass_through(fuse_open_out& opened) {
  const auto* file = reinterpret_cast<const OpenFile*>(opened.fh);
  if (file->backing.id == 0) return;
  // The kernel takes no flags beside it that are about a page cache.
  opened.open_flags = (opened.open_flags & FOPEN_NOFLUSH) | kOpenedPassthrough;
  opened.padding = static_cast<uint32_t>(file->backing.id);
}

bool send(int fd, fuse_out_header header, const fuse_entry_out* entry, const fuse_open_out* opened) {
  iovec parts[] = {{&header, sizeof header},
                   {const_cast<fuse_entry_out*>(entry), entry ? sizeof *entry : 0},
                   {const_cast<fuse_open_out*>(opened), opened ? sizeof *opened : 0}};
  header.len = static_cast<uint32_t>(parts[0].iov_len + parts[1].iov_len + parts[2].iov_len);
  return ::writev(fd, parts, 3) == static_cast<ssize_t>(header.len);
}

void answer_tmpfile(int fd, Service& service, const TmpfileRequest& request) {
  Overlay& overlay = service.overlay;
  const Caller caller = caller_with_ids(request.header.uid, request.header.gid, request.arguments.umask);
  auto made = overlay.tmpfile(caller, request.header.nodeid, static_cast<int>(request.arguments.flags),
                              request.arguments.mode & 07777);
  fuse_out_header header{};
  header.unique = request.header.unique;
  if (!made) {
    header.error = -made.error();
    (void)send(fd, header, nullptr, nullptr);  // fails only if nobody waits any more
    return;
  }
  fuse_entry_out entry{};
  entry.nodeid = made->entry.node;
  entry.entry_valid = entry.attr_valid = static_cast<uint64_t>(kForEver);
  entry.attr = attributes(made->entry.attr);
  OpenFile* const held = held_open(service, std::move(made->file));
  fuse_open_out opened{};
  opened.fh = reinterpret_cast<uint64_t>(held);
  opened.open_flags = held->backing.keep_cache ? FOPEN_KEEP_CACHE : 0;
  pass_through(opened);
  if (send(fd, header, &entry, &opened)) return;
  closed(service, held);
  overlay.forget(made->entry.node, 1);
}

// What of the request that this thread works on must be known when it is answered: libfuse answers it in the
// thread that read it, before that reads another.
struct Request {
  uint64_t unique = 0;
  uint32_t opcode = 0;
  uint64_t offered = 0;  // by FUSE_INIT: the kernel's features
  bool others_waited = false;
};
thread_local Request current;

Request noted(const char* buffer, size_t size) {
  fuse_in_header header;
  std::memcpy(&header, buffer, sizeof header);
  Request request{header.unique, header.opcode};
  if (fuse_init_in init; header.opcode == FUSE_INIT && size >= sizeof header + sizeof init) {
    std::memcpy(&init, buffer + sizeof header, sizeof init);
    request.offered = init.flags | (init.flags & FUSE_INIT_EXT ? uint64_t{init.flags2} << 32 : 0);
  }
  return request;
}

// Nobody waits for an answer to these.
bool unanswered(uint32_t opcode) {
  return opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
         opcode == FUSE_NOTIFY_REPLY;
}

void refuse(int fd, const Request& request) {
  if (unanswered(request.opcode)) return;
  fuse_out_header header{};
  header.unique = request.unique;
  header.error = -EINVAL;
  (void)send(fd, header, nullptr, nullptr);  // fails only if nobody waits any more
}

// Hands requests on to libfuse, except for those answered here.
ssize_t read_request(int fd, void* buffer, size_t size, void* service) {
  for (;;) {
    const ssize_t got = ::read(fd, buffer, size);
    if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) return got;
    const auto* const bytes = static_cast<const char*>(buffer);
    current = noted(bytes, static_cast<size_t>(got));
    if (!well_formed(bytes, static_cast<size_t>(got))) {
      refuse(fd, current);
      continue;
    }
    if (current.opcode != FUSE_TMPFILE) return got;
    TmpfileRequest request;
    std::memcpy(&request, buffer, sizeof request);
    answer_tmpfile(fd, *static_cast<Service*>(service), request);
  }
}

// The last of an answer's parts begins with, or is, T; `behind` bytes precede it.
template <class T>
T* part(const iovec* parts, int count, size_t behind = 0) {
  if (count < 2 || parts[1].iov_len < behind + sizeof(T)) return nullptr;
  return reinterpret_cast<T*>(static_cast<char*>(parts[1].iov_base) + behind);
}

// Features are asked for that libfuse does not know.
void add_features(fuse_init_out& answer, Service& service) {
  if (BackingFiles::built_in() && (current.offered & kPassthrough) && capable(CAP_SYS_ADMIN)) {
    answer.flags |= FUSE_INIT_EXT;
    answer.flags2 |= kPassthrough >> 32;
    answer.unused[0] = 1;  // max_stack_depth: the layers are not stacked themselves
    // Nobody but the kernel sees what is written past this program, so that it must drop set-id bits.
    answer.flags &= ~static_cast<uint32_t>(FUSE_HANDLE_KILLPRIV);
    service.backing_files.enable(fuse_session_fd(service.session));
  } else if (current.offered & FUSE_HANDLE_KILLPRIV_V2) {
    // The second version trusts that there are no capabilities to drop where there were none before.
    answer.flags |= FUSE_HANDLE_KILLPRIV_V2;
  }
}

// Of closing a file nobody waits for the answer: what comes next may come from the same process.
bool somebody_waits_for(const Request& request) {
  return request.opcode != FUSE_RELEASE && request.opcode != FUSE_RELEASEDIR;
}

// Asked of a few answers only, as it is a system call.
bool more_to_read(int fd) {
  constexpr unsigned kEvery = 8;
  thread_local unsigned answers = 0;
  if (++answers % kEvery != 0) return false;
  pollfd ready{fd, POLLIN, 0};
  return ::poll(&ready, 1, 0) > 0;
}

ssize_t write_answer(int fd, iovec* parts, int count, void* service) {
  const auto& header = *static_cast<const fuse_out_header*>(parts[0].iov_base);
  // Afterwards the one who gets this answer may have asked for more.
  if (header.unique == current.unique && somebody_waits_for(current))
    current.others_waited = more_to_read(fd);
  if (header.unique == current.unique && header.error == 0) {
    if (auto* init = part<fuse_init_out>(parts, count); init && current.opcode == FUSE_INIT)
      add_features(*init, *static_cast<Service*>(service));
    if (auto* opened = part<fuse_open_out>(parts, count); opened && current.opcode == FUSE_OPEN)
      pass_through(*opened);
    if (auto* opened = part<fuse_open_out>(parts, count, sizeof(fuse_entry_out));
        opened && current.opcode == FUSE_CREATE)
      pass_through(*opened);
  }
  return ::writev(fd, parts, count);
}

ssize_t splice_request(int from, off_t* from_offset, int to, off_t* to_offset, size_t size, unsigned flags,
                       void*) {
  return ::splice(from, from_offset, to, to_offset, size, flags);
}

}  // namespace

int watch_channel(fuse_session* session, int fd) {
  fuse_custom_io io{};
  io.read = read_request;
  io.writev = write_answer;
  io.splice_send = splice_request;
  return fuse_session_custom_io(session, &io, fd);
}

bool others_waited() {
  return current.others_waited;
}

}  // namespace userlay
