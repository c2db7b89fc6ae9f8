// The UUID of the file system below a directory. Linux 6.9 tells it of every file system by one request
// (FS_IOC_GETFSUUID); before that each has its own way.
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>

#include "adapters/userspace/userlay/sys.h"

namespace userlay::sys {
namespace {

// Since Linux 6.9.
std::optional<Uuid> generic_uuid(int fd) {
  struct {
    std::uint8_t length;
    std::uint8_t bytes[16];
  } answer{};
  if (::ioctl(fd, _IOR(0x15, 0, decltype(answer)), &answer) < 0) return std::nullopt;
  Uuid uuid{};
  if (answer.length <= uuid.size()) std::memcpy(uuid.data(), answer.bytes, answer.length);
  return uuid;
}

// EXT4_IOC_GETFSUUID, since Linux 6.0.
std::optional<Uuid> ext4_uuid(int fd) {
  struct {
    std::uint32_t length;
    std::uint32_t flags;
  } head{};
  struct {
    decltype(head) asked;
    Uuid uuid;
  } answer{{sizeof(Uuid), 0}, {}};
  if (::ioctl(fd, _IOR('f', 44, decltype(head)), &answer) < 0) return std::nullopt;
  return answer.uuid;
}

// From the superblock on the device, which takes root.
std::optional<Uuid> ext4_uuid_on_disk(int fd) {
  constexpr off_t kSuperblock = 1024, kMagicAt = 0x38, kUuidAt = 0x68;
  struct stat st;
  if (::fstat(fd, &st) < 0) return std::nullopt;
  std::ifstream device("/sys/dev/block/" + std::to_string(major(st.st_dev)) + ":" +
                       std::to_string(minor(st.st_dev)) + "/uevent");
  std::string name;
  while (std::getline(device, name) && !name.starts_with("DEVNAME=")) continue;
  if (!device) return std::nullopt;
  auto disk = open_at(AT_FDCWD, ("/dev/" + name.substr(name.find('=') + 1)).c_str(), O_RDONLY);
  struct stat opened;
  if (!disk || ::fstat(disk->get(), &opened) < 0 || opened.st_rdev != st.st_dev) return std::nullopt;
  std::array<unsigned char, kUuidAt + sizeof(Uuid)> superblock;
  if (::pread(disk->get(), superblock.data(), superblock.size(), kSuperblock) !=
      static_cast<ssize_t>(superblock.size()))
    return std::nullopt;
  if (superblock[kMagicAt] != (EXT4_SUPER_MAGIC & 0xff) || superblock[kMagicAt + 1] != EXT4_SUPER_MAGIC >> 8)
    return std::nullopt;
  Uuid uuid;
  std::memcpy(uuid.data(), superblock.data() + kUuidAt, uuid.size());
  return uuid;
}

// XFS_IOC_FSGEOMETRY_V1, which every kernel has.
std::optional<Uuid> xfs_uuid(int fd) {
  struct {
    std::uint32_t sizes[8];
    std::uint64_t counts[4];
    Uuid uuid;
    std::uint32_t more[7];
  } geometry{};
  static_assert(sizeof geometry == 112);
  if (::ioctl(fd, _IOR('X', 100, decltype(geometry)), &geometry) < 0) return std::nullopt;
  return geometry.uuid;
}

std::optional<Uuid> btrfs_uuid(int fd) {
  btrfs_ioctl_fs_info_args info{};
  if (::ioctl(fd, BTRFS_IOC_FS_INFO, &info) < 0) return std::nullopt;
  Uuid uuid;
  static_assert(sizeof info.fsid == sizeof uuid);
  std::memcpy(uuid.data(), info.fsid, uuid.size());
  return uuid;
}

}  // namespace

std::optional<Uuid> fs_uuid(int fd) {
  constexpr unsigned kXfsMagic = 0x58465342;
  if (auto uuid = generic_uuid(fd)) return uuid;
  struct statfs info;
  if (::fstatfs(fd, &info) < 0) return std::nullopt;
  switch (static_cast<unsigned>(info.f_type)) {
    case EXT4_SUPER_MAGIC: {
      auto uuid = ext4_uuid(fd);
      return uuid ? uuid : ext4_uuid_on_disk(fd);
    }
    case kXfsMagic:
      return xfs_uuid(fd);
    case BTRFS_SUPER_MAGIC:
      return btrfs_uuid(fd);
    default:
      return std::nullopt;
  }
}

}  // namespace userlay::sys
