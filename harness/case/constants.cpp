// Names of kernel constants in cases <-> their numbers.
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <span>

#include "harness/case/problem.h"
#include "harness/case/suggest.h"
#include "harness/case/vocabulary.h"

namespace ovlcheck {
namespace {

struct Named {
  std::string_view name;
  unsigned long value;
};

#define NAMED(x) \
  { #x, static_cast < unsigned long>(x) }

constexpr Named open_flags[] = {NAMED(O_RDONLY),    NAMED(O_WRONLY),   NAMED(O_RDWR),    NAMED(O_CREAT),
                                NAMED(O_EXCL),      NAMED(O_NOCTTY),   NAMED(O_TRUNC),   NAMED(O_APPEND),
                                NAMED(O_NONBLOCK),  NAMED(O_DSYNC),    NAMED(O_SYNC),    NAMED(O_DIRECT),
                                NAMED(O_DIRECTORY), NAMED(O_NOFOLLOW), NAMED(O_NOATIME), NAMED(O_CLOEXEC),
                                NAMED(O_PATH),      NAMED(O_TMPFILE)};
constexpr Named resolve_flags[] = {NAMED(RESOLVE_NO_XDEV),     NAMED(RESOLVE_NO_MAGICLINKS),
                                   NAMED(RESOLVE_NO_SYMLINKS), NAMED(RESOLVE_BENEATH),
                                   NAMED(RESOLVE_IN_ROOT),     NAMED(RESOLVE_CACHED)};
constexpr Named rename_flags[] = {NAMED(RENAME_NOREPLACE), NAMED(RENAME_EXCHANGE), NAMED(RENAME_WHITEOUT)};
constexpr Named at_flags[] = {NAMED(AT_SYMLINK_NOFOLLOW), NAMED(AT_SYMLINK_FOLLOW), NAMED(AT_NO_AUTOMOUNT),
                              NAMED(AT_EMPTY_PATH),       NAMED(AT_EACCESS),        NAMED(AT_REMOVEDIR),
                              NAMED(AT_STATX_FORCE_SYNC), NAMED(AT_STATX_DONT_SYNC)};
constexpr Named fallocate_flags[] = {NAMED(FALLOC_FL_KEEP_SIZE),      NAMED(FALLOC_FL_PUNCH_HOLE),
                                     NAMED(FALLOC_FL_COLLAPSE_RANGE), NAMED(FALLOC_FL_ZERO_RANGE),
                                     NAMED(FALLOC_FL_INSERT_RANGE),   NAMED(FALLOC_FL_UNSHARE_RANGE)};
constexpr Named prot_flags[] = {NAMED(PROT_NONE), NAMED(PROT_READ), NAMED(PROT_WRITE), NAMED(PROT_EXEC)};
constexpr Named map_flags[] = {NAMED(MAP_SHARED), NAMED(MAP_PRIVATE), NAMED(MAP_SHARED_VALIDATE),
                               NAMED(MAP_SYNC), NAMED(MAP_POPULATE)};
constexpr Named xattr_flags[] = {NAMED(XATTR_CREATE), NAMED(XATTR_REPLACE)};
constexpr Named lock_flags[] = {NAMED(LOCK_SH), NAMED(LOCK_EX), NAMED(LOCK_UN), NAMED(LOCK_NB),
                                NAMED(F_RDLCK), NAMED(F_WRLCK), NAMED(F_UNLCK)};
constexpr Named access_flags[] = {NAMED(F_OK), NAMED(R_OK), NAMED(W_OK), NAMED(X_OK)};
constexpr Named whences[] = {NAMED(SEEK_SET), NAMED(SEEK_CUR), NAMED(SEEK_END), NAMED(SEEK_DATA),
                             NAMED(SEEK_HOLE)};
constexpr Named inotify_flags[] = {
    NAMED(IN_ACCESS),        NAMED(IN_MODIFY),     NAMED(IN_ATTRIB),  NAMED(IN_CLOSE_WRITE),
    NAMED(IN_CLOSE_NOWRITE), NAMED(IN_CLOSE),      NAMED(IN_OPEN),    NAMED(IN_MOVED_FROM),
    NAMED(IN_MOVED_TO),      NAMED(IN_MOVE),       NAMED(IN_CREATE),  NAMED(IN_DELETE),
    NAMED(IN_DELETE_SELF),   NAMED(IN_MOVE_SELF),  NAMED(IN_UNMOUNT), NAMED(IN_Q_OVERFLOW),
    NAMED(IN_IGNORED),       NAMED(IN_ALL_EVENTS), NAMED(IN_ONLYDIR), NAMED(IN_DONT_FOLLOW),
    NAMED(IN_EXCL_UNLINK),   NAMED(IN_MASK_ADD),   NAMED(IN_ISDIR),   NAMED(IN_ONESHOT)};
constexpr Named inode_flags[] = {
    NAMED(FS_SECRM_FL),       NAMED(FS_UNRM_FL),    NAMED(FS_COMPR_FL),  NAMED(FS_SYNC_FL),
    NAMED(FS_IMMUTABLE_FL),   NAMED(FS_APPEND_FL),  NAMED(FS_NODUMP_FL), NAMED(FS_NOATIME_FL),
    NAMED(FS_NOCOMP_FL),      NAMED(FS_ENCRYPT_FL), NAMED(FS_INDEX_FL),  NAMED(FS_JOURNAL_DATA_FL),
    NAMED(FS_NOTAIL_FL),      NAMED(FS_DIRSYNC_FL), NAMED(FS_TOPDIR_FL), NAMED(FS_EXTENT_FL),
    NAMED(FS_VERITY_FL),      NAMED(FS_NOCOW_FL),   NAMED(FS_DAX_FL),    NAMED(FS_INLINE_DATA_FL),
    NAMED(FS_PROJINHERIT_FL), NAMED(FS_CASEFOLD_FL)};
constexpr Named statx_attributes[] = {
    NAMED(STATX_ATTR_COMPRESSED), NAMED(STATX_ATTR_IMMUTABLE), NAMED(STATX_ATTR_APPEND),
    NAMED(STATX_ATTR_NODUMP),     NAMED(STATX_ATTR_ENCRYPTED), NAMED(STATX_ATTR_AUTOMOUNT),
    NAMED(STATX_ATTR_MOUNT_ROOT), NAMED(STATX_ATTR_VERITY),    NAMED(STATX_ATTR_DAX)};

constexpr Named advices[] = {NAMED(POSIX_FADV_NORMAL),   NAMED(POSIX_FADV_SEQUENTIAL),
                             NAMED(POSIX_FADV_RANDOM),   NAMED(POSIX_FADV_WILLNEED),
                             NAMED(POSIX_FADV_DONTNEED), NAMED(POSIX_FADV_NOREUSE)};

const std::map<std::string_view, std::span<const Named>> kinds = {
    {"advice", advices},        {"open", open_flags},     {"resolve", resolve_flags},
    {"rename", rename_flags},   {"at", at_flags},         {"fallocate", fallocate_flags},
    {"prot", prot_flags},       {"map", map_flags},       {"xattr", xattr_flags},
    {"lock", lock_flags},       {"access", access_flags}, {"whence", whences},
    {"inotify", inotify_flags}, {"fsflag", inode_flags},  {"statx", statx_attributes}};

constexpr Named errnos[] = {
    NAMED(EPERM), NAMED(ENOENT), NAMED(ESRCH), NAMED(EINTR), NAMED(EIO), NAMED(ENXIO), NAMED(E2BIG),
    NAMED(ENOEXEC), NAMED(EBADF), NAMED(ECHILD), NAMED(EAGAIN), NAMED(ENOMEM), NAMED(EACCES), NAMED(EFAULT),
    NAMED(ENOTBLK), NAMED(EBUSY), NAMED(EEXIST), NAMED(EXDEV), NAMED(ENODEV), NAMED(ENOTDIR), NAMED(EISDIR),
    NAMED(EINVAL), NAMED(ENFILE), NAMED(EMFILE), NAMED(ENOTTY), NAMED(ETXTBSY), NAMED(EFBIG), NAMED(ENOSPC),
    NAMED(ESPIPE), NAMED(EROFS), NAMED(EMLINK), NAMED(EPIPE), NAMED(EDOM), NAMED(ERANGE), NAMED(EDEADLK),
    NAMED(ENAMETOOLONG), NAMED(ENOLCK), NAMED(ENOSYS), NAMED(ENOTEMPTY), NAMED(ELOOP), NAMED(ENOMSG),
    NAMED(EIDRM), NAMED(ECHRNG), NAMED(EL2NSYNC), NAMED(EL3HLT), NAMED(EL3RST), NAMED(ELNRNG), NAMED(EUNATCH),
    NAMED(ENOCSI), NAMED(EL2HLT), NAMED(EBADE), NAMED(EBADR), NAMED(EXFULL), NAMED(ENOANO), NAMED(EBADRQC),
    NAMED(EBADSLT), NAMED(EBFONT), NAMED(ENOSTR), NAMED(ENODATA), NAMED(ETIME), NAMED(ENOSR), NAMED(ENONET),
    NAMED(ENOPKG), NAMED(EREMOTE), NAMED(ENOLINK), NAMED(EADV), NAMED(ESRMNT), NAMED(ECOMM), NAMED(EPROTO),
    NAMED(EMULTIHOP), NAMED(EDOTDOT), NAMED(EBADMSG), NAMED(EOVERFLOW), NAMED(ENOTUNIQ), NAMED(EBADFD),
    NAMED(EREMCHG), NAMED(ELIBACC), NAMED(ELIBBAD), NAMED(ELIBSCN), NAMED(ELIBMAX), NAMED(ELIBEXEC),
    NAMED(EILSEQ), NAMED(ERESTART), NAMED(ESTRPIPE), NAMED(EUSERS), NAMED(ENOTSOCK), NAMED(EDESTADDRREQ),
    NAMED(EMSGSIZE), NAMED(EPROTOTYPE), NAMED(ENOPROTOOPT), NAMED(EPROTONOSUPPORT), NAMED(ESOCKTNOSUPPORT),
    NAMED(EOPNOTSUPP), NAMED(EPFNOSUPPORT), NAMED(EAFNOSUPPORT), NAMED(EADDRINUSE), NAMED(EADDRNOTAVAIL),
    NAMED(ENETDOWN), NAMED(ENETUNREACH), NAMED(ENETRESET), NAMED(ECONNABORTED), NAMED(ECONNRESET),
    NAMED(ENOBUFS), NAMED(EISCONN), NAMED(ENOTCONN), NAMED(ESHUTDOWN), NAMED(ETOOMANYREFS), NAMED(ETIMEDOUT),
    NAMED(ECONNREFUSED), NAMED(EHOSTDOWN), NAMED(EHOSTUNREACH), NAMED(EALREADY), NAMED(EINPROGRESS),
    NAMED(ESTALE), NAMED(EUCLEAN), NAMED(ENOTNAM), NAMED(ENAVAIL), NAMED(EISNAM), NAMED(EREMOTEIO),
    NAMED(EDQUOT), NAMED(ENOMEDIUM), NAMED(EMEDIUMTYPE), NAMED(ECANCELED), NAMED(ENOKEY), NAMED(EKEYEXPIRED),
    NAMED(EKEYREVOKED), NAMED(EKEYREJECTED), NAMED(EOWNERDEAD), NAMED(ENOTRECOVERABLE), NAMED(ERFKILL),
    NAMED(EHWPOISON),
    // Second names; they must follow the first.
    NAMED(EDEADLOCK), NAMED(ENOTSUP), NAMED(EWOULDBLOCK)};

// "0", "16" or "0x10": a flag without a name.
bool read_number(std::string_view text, unsigned long& value) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return error == std::errc() && end == text.data() + text.size();
}

unsigned long one_constant(std::string_view kind, std::span<const Named> all, std::string_view name) {
  unsigned long value = 0;
  if (read_number(name, value)) return value;
  for (const Named& named : all)
    if (named.name == name) return named.value;
  std::vector<std::string_view> names;
  for (const Named& named : all) names.push_back(named.name);
  throw BadCase("", "unknown " + std::string(kind) + " constant \"" + std::string(name) + '"' +
                        did_you_mean(name, names));
}

}  // namespace

unsigned long constant(std::string_view kind, std::string_view text) {
  const auto found = kinds.find(kind);
  if (found == kinds.end())
    throw BadCase("", "there are no constants of the kind \"" + std::string(kind) + '"');
  unsigned long value = 0;
  for (;;) {
    const size_t bar = text.find('|');
    value |= one_constant(kind, found->second, text.substr(0, bar));
    if (bar == text.npos) return value;
    text.remove_prefix(bar + 1);
  }
}

std::vector<std::string_view> constant_names(std::string_view kind, unsigned long value) {
  std::vector<std::string_view> names;
  const auto found = kinds.find(kind);
  if (found == kinds.end()) return names;
  for (const Named& named : found->second)
    if (named.value != 0 && (value & named.value) == named.value) names.push_back(named.name);
  return names;
}

std::vector<std::string_view> errno_names() {
  std::vector<std::string_view> names;
  for (const Named& named : errnos) names.push_back(named.name);
  return names;
}

int errno_number(std::string_view name) {
  for (const Named& named : errnos)
    if (named.name == name) return static_cast<int>(named.value);
  return 0;
}

std::string errno_name(int number) {
  for (const Named& named : errnos)
    if (named.value == static_cast<unsigned long>(number)) return std::string(named.name);
  return "E" + std::to_string(number);
}

}  // namespace ovlcheck
