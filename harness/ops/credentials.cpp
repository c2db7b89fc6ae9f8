#include "harness/ops/credentials.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

namespace ovlcheck {
namespace {

// By number, see capabilities(7).
constexpr std::string_view kNames[] = {"CAP_CHOWN",
                                       "CAP_DAC_OVERRIDE",
                                       "CAP_DAC_READ_SEARCH",
                                       "CAP_FOWNER",
                                       "CAP_FSETID",
                                       "CAP_KILL",
                                       "CAP_SETGID",
                                       "CAP_SETUID",
                                       "CAP_SETPCAP",
                                       "CAP_LINUX_IMMUTABLE",
                                       "CAP_NET_BIND_SERVICE",
                                       "CAP_NET_BROADCAST",
                                       "CAP_NET_ADMIN",
                                       "CAP_NET_RAW",
                                       "CAP_IPC_LOCK",
                                       "CAP_IPC_OWNER",
                                       "CAP_SYS_MODULE",
                                       "CAP_SYS_RAWIO",
                                       "CAP_SYS_CHROOT",
                                       "CAP_SYS_PTRACE",
                                       "CAP_SYS_PACCT",
                                       "CAP_SYS_ADMIN",
                                       "CAP_SYS_BOOT",
                                       "CAP_SYS_NICE",
                                       "CAP_SYS_RESOURCE",
                                       "CAP_SYS_TIME",
                                       "CAP_SYS_TTY_CONFIG",
                                       "CAP_MKNOD",
                                       "CAP_LEASE",
                                       "CAP_AUDIT_WRITE",
                                       "CAP_AUDIT_CONTROL",
                                       "CAP_SETFCAP",
                                       "CAP_MAC_OVERRIDE",
                                       "CAP_MAC_ADMIN",
                                       "CAP_SYSLOG",
                                       "CAP_WAKE_ALARM",
                                       "CAP_BLOCK_SUSPEND",
                                       "CAP_AUDIT_READ",
                                       "CAP_PERFMON",
                                       "CAP_BPF",
                                       "CAP_CHECKPOINT_RESTORE"};

struct CapabilitySets {
  uint64_t effective = 0, permitted = 0, inheritable = 0;
};

bool get_capabilities(CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (::syscall(SYS_capget, &header, data) != 0) return false;
  sets.effective = uint64_t{data[1].effective} << 32 | data[0].effective;
  sets.permitted = uint64_t{data[1].permitted} << 32 | data[0].permitted;
  sets.inheritable = uint64_t{data[1].inheritable} << 32 | data[0].inheritable;
  return true;
}

bool set_capabilities(const CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  for (int half = 0; half < 2; ++half) {
    data[half].effective = static_cast<uint32_t>(sets.effective >> (32 * half));
    data[half].permitted = static_cast<uint32_t>(sets.permitted >> (32 * half));
    data[half].inheritable = static_cast<uint32_t>(sets.inheritable >> (32 * half));
  }
  return ::syscall(SYS_capset, &header, data) == 0;
}

// A change of ids makes the kernel forget both.
class KeepProcessSettings {
 public:
  KeepProcessSettings() {
    if (::prctl(PR_GET_PDEATHSIG, &death_signal_) != 0) death_signal_ = 0;
    dumpable_ = ::prctl(PR_GET_DUMPABLE);
  }
  ~KeepProcessSettings() {
    // Neither can fail for values the kernel gave itself.
    (void)::prctl(PR_SET_PDEATHSIG, death_signal_);
    if (dumpable_ == 1) (void)::prctl(PR_SET_DUMPABLE, 1);
  }
  KeepProcessSettings(const KeepProcessSettings&) = delete;
  KeepProcessSettings& operator=(const KeepProcessSettings&) = delete;

 private:
  int death_signal_ = 0;
  int dumpable_ = 0;
};

// A single-id user namespace forbids setgroups(2) altogether; having none to set is then no reason to stop.
int set_groups(const std::vector<gid_t>& groups) {
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) == 0) return 0;
  return errno == EPERM && groups.empty() ? 0 : errno;
}

}  // namespace

int capability_number(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name) return static_cast<int>(i);
  return -1;
}

Sys<Credentials> read_credentials() {
  Credentials now;
  now.uid = ::geteuid();
  now.gid = ::getegid();
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return failed(errno);
  now.groups.resize(static_cast<size_t>(count));
  if (::getgroups(count, now.groups.data()) < 0) return failed(errno);
  CapabilitySets sets;
  if (!get_capabilities(sets)) return failed(errno);
  now.capabilities = sets.effective;
  return now;
}

Sys<void> become(const Credentials& credentials) {
  const auto now = read_credentials();
  if (!now) return failed(now.error());
  if (*now == credentials) return {};

  const KeepProcessSettings keep;
  // All that may be had is needed to change ids; the saved user id 0 gives it back.
  uid_t real = 0, effective = 0, saved = 0;
  if (::getresuid(&real, &effective, &saved) != 0) return failed(errno);
  if (effective != saved && ::syscall(SYS_setresuid, -1, saved, -1) != 0) return failed(errno);
  CapabilitySets sets;
  if (!get_capabilities(sets)) return failed(errno);
  sets.effective = sets.permitted;
  if (!set_capabilities(sets)) return failed(errno);
  if ((credentials.capabilities & ~sets.permitted) != 0) return failed(kNotOffered);

  if (credentials.groups != now->groups && set_groups(credentials.groups) != 0) return failed(kNotOffered);
  if (credentials.gid != now->gid && ::syscall(SYS_setresgid, credentials.gid, credentials.gid, -1) != 0)
    return failed(kNotOffered);
  if (credentials.uid != saved && ::syscall(SYS_setresuid, credentials.uid, credentials.uid, -1) != 0)
    return failed(kNotOffered);
  if (credentials.uid == saved && real != saved && ::syscall(SYS_setresuid, saved, -1, -1) != 0)
    return failed(errno);
  sets.effective = credentials.capabilities;
  if (!set_capabilities(sets)) return failed(errno);
  return {};
}

int drop_to(const Credentials& credentials) {
  CapabilitySets sets;
  if (!get_capabilities(sets)) return errno;
  sets.effective = sets.permitted;
  if (!set_capabilities(sets)) return errno;
  if (const int error = set_groups(credentials.groups); error != 0) return error;
  // Root without all capabilities would win them back by executing anything.
  if (credentials.uid == 0 && (sets.permitted & ~credentials.capabilities) != 0 &&
      ::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) != 0)
    return errno;
  if (::prctl(PR_SET_KEEPCAPS, 1) != 0) return errno;
  const gid_t gid = credentials.gid;
  const uid_t uid = credentials.uid;
  if (::syscall(SYS_setresgid, gid, gid, gid) != 0) return errno;
  if (::syscall(SYS_setresuid, uid, uid, uid) != 0) return errno;
  sets = {credentials.capabilities, credentials.capabilities, credentials.capabilities};
  if (!set_capabilities(sets)) return errno;
  // Ambient capabilities are those another user's program still has after it was executed.
  for (unsigned i = 0; uid != 0 && i < std::size(kNames); ++i)
    if ((credentials.capabilities >> i & 1) != 0 &&
        ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) != 0)
      return errno;
  return 0;
}

}  // namespace ovlcheck
