#include "harness/ops/confine.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

namespace ovlcheck {
namespace {

// With CAP_SYS_RESOURCE the limits would not be any; with CAP_SYS_PTRACE the worker itself could be written
// to.
constexpr int kGivenUp[] = {CAP_SYS_ADMIN,     CAP_SYS_PTRACE,     CAP_SYS_RESOURCE, CAP_SYS_MODULE,
                            CAP_SYS_RAWIO,     CAP_SYS_BOOT,       CAP_SYS_TIME,     CAP_SYS_PACCT,
                            CAP_SYSLOG,        CAP_SYS_TTY_CONFIG, CAP_MAC_ADMIN,    CAP_MAC_OVERRIDE,
                            CAP_AUDIT_CONTROL, CAP_AUDIT_READ,     CAP_AUDIT_WRITE,  CAP_WAKE_ALARM,
                            CAP_BLOCK_SUSPEND, CAP_PERFMON,        CAP_BPF,          CAP_CHECKPOINT_RESTORE,
                            CAP_SYS_NICE,      CAP_NET_ADMIN,      CAP_NET_RAW};

constexpr unsigned kRefused[] = {
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_open_by_handle_at,
    SYS_quotactl,
    SYS_nfsservctl,
    SYS_ptrace,
    SYS_process_vm_writev,
    SYS_process_vm_readv,
    SYS_kcmp,
    SYS_io_uring_setup,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
#endif
};

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr uint32_t kArchitecture = 0;
#endif

constexpr size_t kCalls = std::size(kRefused);

// Refuses the calls above and those of other architectures. Namespaces are no way out: what a program may do
// in one of its own it may do to what it could do before.
constexpr auto make_filter() {
  std::array<sock_filter, kCalls + 7> filter{};
  size_t at = 0;
  const auto add = [&](uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
    filter[at++] = {code, yes, no, k};
  };
  constexpr uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
  constexpr uint16_t load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K,
                     ret = BPF_RET | BPF_K;
  add(load, offsetof(seccomp_data, arch), 0, 0);
  add(equal, kArchitecture, 1, 0);
  add(ret, refuse, 0, 0);
  add(load, offsetof(seccomp_data, nr), 0, 0);
  // Numbers of x32 are those of x86-64 with a high bit.
  add(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, kCalls + 1, 0);
  for (size_t i = 0; i < kCalls; ++i) add(equal, kRefused[i], static_cast<uint8_t>(kCalls - i), 0);
  add(ret, SECCOMP_RET_ALLOW, 0, 0);
  add(ret, refuse, 0, 0);
  return filter;
}

constexpr auto kFilter = make_filter();

int install_filter() {
  if (kArchitecture == 0) return 0;
  const sock_fprog program = {static_cast<unsigned short>(kFilter.size()),
                              const_cast<sock_filter*>(kFilter.data())};
  // Without CAP_SYS_ADMIN a filter costs the right to gain privileges by executing, which a case may be
  // about.
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return 0;
  return errno == EACCES || errno == EINVAL ? 0 : errno;
}

// Lowers only: a stricter limit of the user's stays.
int limit(__rlimit_resource_t resource, unsigned long most) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return errno;
  if (now.rlim_max <= most) return 0;
  const rlimit lower = {most, most};
  return ::setrlimit(resource, &lower) == 0 ? 0 : errno;
}

}  // namespace

int confine_program() {
  // The thread may act for somebody with fewer rights at the moment.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (::syscall(SYS_capget, &header, data) != 0) return errno;
  for (auto& half : data) half.effective = half.permitted;
  if (::syscall(SYS_capset, &header, data) != 0) return errno;
  for (const auto& [resource, most] : {std::pair{RLIMIT_NPROC, kMostProcesses},
                                       {RLIMIT_NOFILE, kMostOpenFiles},
                                       {RLIMIT_FSIZE, kMostFileSize},
                                       {RLIMIT_DATA, kMostMemory},
                                       {RLIMIT_CORE, 0ul}})
    if (const int error = limit(resource, most); error != 0) return error;
  // Capabilities that a kernel does not know yet are EINVAL, and without any to give up all are EPERM.
  for (const int capability : kGivenUp)
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM) return errno;
  return install_filter();
}

int give_up_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  if (::syscall(SYS_capget, &header, data) != 0) return errno;
  for (const int capability : kGivenUp) {
    const uint32_t others = ~(1u << (capability % 32));
    auto& half = data[capability / 32];
    half.effective &= others;
    half.permitted &= others;
    half.inheritable &= others;
  }
  return ::syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

}  // namespace ovlcheck
