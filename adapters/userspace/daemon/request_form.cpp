#include "adapters/userspace/daemon/request_form.h"

#include <linux/fuse.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace userlay {
namespace {

// Far more than the kernel and this program agree on (max_write).
constexpr std::uint32_t kMostAtOnce = 4 << 20;
// Below this minor version of the protocol requests were shorter.
constexpr std::uint32_t kLeastMinor = 12;

// What follows the arguments.
enum class Tail { none, name, two_names, name_and_text, text };

struct Form {
  std::size_t arguments = 0;  // bytes
  Tail tail = Tail::none;
};

constexpr std::size_t kOpcodes = 64;

constexpr std::array<Form, kOpcodes> forms() {
  std::array<Form, kOpcodes> all{};
  all[FUSE_LOOKUP] = {0, Tail::name};
  all[FUSE_FORGET] = {sizeof(fuse_forget_in)};
  all[FUSE_GETATTR] = {sizeof(fuse_getattr_in)};
  all[FUSE_SETATTR] = {sizeof(fuse_setattr_in)};
  all[FUSE_SYMLINK] = {0, Tail::name_and_text};
  all[FUSE_MKNOD] = {sizeof(fuse_mknod_in), Tail::name};
  all[FUSE_MKDIR] = {sizeof(fuse_mkdir_in), Tail::name};
  all[FUSE_UNLINK] = {0, Tail::name};
  all[FUSE_RMDIR] = {0, Tail::name};
  all[FUSE_RENAME] = {sizeof(fuse_rename_in), Tail::two_names};
  all[FUSE_RENAME2] = {sizeof(fuse_rename2_in), Tail::two_names};
  all[FUSE_LINK] = {sizeof(fuse_link_in), Tail::name};
  all[FUSE_OPEN] = all[FUSE_OPENDIR] = {sizeof(fuse_open_in)};
  all[FUSE_READ] = all[FUSE_READDIR] = all[FUSE_READDIRPLUS] = {sizeof(fuse_read_in)};
  all[FUSE_WRITE] = {sizeof(fuse_write_in)};
  all[FUSE_RELEASE] = all[FUSE_RELEASEDIR] = {sizeof(fuse_release_in)};
  all[FUSE_FSYNC] = all[FUSE_FSYNCDIR] = {sizeof(fuse_fsync_in)};
  // Its longer form is sent to who has asked for it (FUSE_SETXATTR_EXT).
  all[FUSE_SETXATTR] = {FUSE_COMPAT_SETXATTR_IN_SIZE, Tail::text};
  all[FUSE_GETXATTR] = {sizeof(fuse_getxattr_in), Tail::text};
  all[FUSE_LISTXATTR] = {sizeof(fuse_getxattr_in)};
  all[FUSE_REMOVEXATTR] = {0, Tail::text};
  all[FUSE_FLUSH] = {sizeof(fuse_flush_in)};
  all[FUSE_INIT] = {offsetof(fuse_init_in, flags2)};
  all[FUSE_GETLK] = all[FUSE_SETLK] = all[FUSE_SETLKW] = {sizeof(fuse_lk_in)};
  all[FUSE_ACCESS] = {sizeof(fuse_access_in)};
  all[FUSE_CREATE] = {sizeof(fuse_create_in), Tail::name};
  all[FUSE_INTERRUPT] = {sizeof(fuse_interrupt_in)};
  all[FUSE_BMAP] = {sizeof(fuse_bmap_in)};
  all[FUSE_IOCTL] = {sizeof(fuse_ioctl_in)};
  all[FUSE_POLL] = {sizeof(fuse_poll_in)};
  all[FUSE_BATCH_FORGET] = {sizeof(fuse_batch_forget_in)};
  all[FUSE_FALLOCATE] = {sizeof(fuse_fallocate_in)};
  all[FUSE_LSEEK] = {sizeof(fuse_lseek_in)};
  all[FUSE_COPY_FILE_RANGE] = {sizeof(fuse_copy_file_range_in)};
  // The kernel gives it a name that means nothing.
  all[FUSE_TMPFILE] = {sizeof(fuse_create_in)};
  return all;
}

// Takes an ended text off the front.
std::optional<std::string_view> take_text(std::string_view& left) {
  const auto end = left.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const auto text = left.substr(0, end);
  left.remove_prefix(end + 1);
  return text;
}

bool take_name(std::string_view& left) {
  const auto name = take_text(left);
  return name && !name->empty() && *name != "." && *name != ".." && name->find('/') == name->npos;
}

bool take_tail(std::string_view& left, Tail tail) {
  switch (tail) {
    case Tail::none:
      return true;
    case Tail::name:
      return take_name(left);
    case Tail::two_names:
      return take_name(left) && take_name(left);
    case Tail::name_and_text:
      return take_name(left) && take_text(left);
    case Tail::text:
      return take_text(left).has_value();
  }
  return false;
}

// The arguments, which are there.
template <class T>
T arguments(const char* request, std::size_t size = sizeof(T)) {
  T value{};
  std::memcpy(&value, request + sizeof(fuse_in_header), size);
  return value;
}

bool introduces_itself(const char* request, std::string_view tail) {
  constexpr auto kShort = offsetof(fuse_init_in, flags2);
  const auto init = arguments<fuse_init_in>(request, kShort);
  const bool whole = !(init.flags & FUSE_INIT_EXT) || tail.size() >= sizeof init - kShort;
  return whole && (init.major != FUSE_KERNEL_VERSION || init.minor >= kLeastMinor);
}

// Is there what the arguments say that follows, and not too much that they ask for? `tail`: what is left of
// the request after arguments and names.
bool keeps_its_word(std::uint32_t opcode, const char* request, std::string_view tail) {
  switch (opcode) {
    case FUSE_INIT:
      return introduces_itself(request, tail);
    case FUSE_READ:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
      return arguments<fuse_read_in>(request).size <= kMostAtOnce;
    case FUSE_WRITE:
      return arguments<fuse_write_in>(request).size <= tail.size();
    case FUSE_SETXATTR:
      return arguments<fuse_setxattr_in>(request, FUSE_COMPAT_SETXATTR_IN_SIZE).size <= tail.size();
    case FUSE_IOCTL:
      return arguments<fuse_ioctl_in>(request).in_size <= tail.size();
    case FUSE_NOTIFY_REPLY:
      return false;  // nothing here asks the kernel for data
    case FUSE_BATCH_FORGET:
      return arguments<fuse_batch_forget_in>(request).count <= tail.size() / sizeof(fuse_forget_one);
    default:
      return true;
  }
}

}  // namespace

bool well_formed(const char* request, std::size_t size) {
  static constexpr auto kForms = forms();
  fuse_in_header header;
  if (size < sizeof header) return false;
  std::memcpy(&header, request, sizeof header);
  if (header.len != size) return false;
  if (header.opcode >= kOpcodes) return true;
  const Form& form = kForms[header.opcode];
  std::string_view left(request + sizeof header, size - sizeof header);
  if (left.size() < form.arguments) return false;
  left.remove_prefix(form.arguments);
  return take_tail(left, form.tail) && keeps_its_word(header.opcode, request, left);
}

}  // namespace userlay
