#include "adapters/userspace/daemon/tmpfile.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>


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

bool send(int fd, fuse_out_header header, const fuse_entry_out* entry, const fuse_open_out* opened) {
  iovec parts[] = {{&header, sizeof header},
                   {const_cast<fuse_entry_out*>(entry), entry ? sizeof *entry : 0},
                   {const_cast<fuse_open_out*>(opened), opened ? sizeof *opened : 0}};
  header.len = static_cast<uint32_t>(parts[0].iov_len + parts[1].iov_len + parts[2].iov_len);
  return ::writev(fd, parts, 3) == static_cast<ssize_t>(header.len);
}

void answer_tmpfile(int fd, Overlay& overlay, const TmpfileRequest& request) {
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
  fuse_open_out opened{};
  opened.fh = reinterpret_cast<uint64_t>(made->file.get());
  opened.open_flags = FOPEN_KEEP_CACHE;
  if (send(fd, header, &entry, &opened))
    (void)made->file.release();  // the kernel's, until release()
  else
    overlay.forget(made->entry.node, 1);
}

// Hands requests on to libfuse, except for those answered here.
ssize_t read_request(int fd, void* buffer, size_t size, void* overlay) {
  for (;;) {
    const ssize_t got = ::read(fd, buffer, size);
    TmpfileRequest request;
    if (got < static_cast<ssize_t>(sizeof request)) return got;
    std::memcpy(&request, buffer, sizeof request);
    if (request.header.opcode != FUSE_TMPFILE) return got;
    answer_tmpfile(fd, *static_cast<Overlay*>(overlay), request);
  }
}

ssize_t write_answer(int fd, iovec* parts, int count, void*) {
  return ::writev(fd, parts, count);
}

ssize_t splice_request(int from, off_t* from_offset, int to, off_t* to_offset, size_t size, unsigned flags,
                       void*) {
  return ::splice(from, from_offset, to, to_offset, size, flags);
}

}  // namespace

int answer_tmpfile_requests(fuse_session* session) {
  fuse_custom_io io{};
  io.read = read_request;
  io.writev = write_answer;
  io.splice_send = splice_request;
  return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}

}  // namespace userlay
