#include "adapters/userspace/userlay/acl.h"

#include <endian.h>

#include <cstring>

namespace userlay {
namespace {

constexpr std::uint32_t kVersion = 2;
constexpr std::uint16_t kUserObj = 0x01, kUser = 0x02, kGroupObj = 0x04, kGroup = 0x08, kMask = 0x10,
                        kOther = 0x20;
constexpr std::size_t kEntrySize = 8;

}  // namespace

std::optional<Acl> parse_acl(const std::string& value) {
  if (value.size() < 4 || (value.size() - 4) % kEntrySize) return std::nullopt;
  std::uint32_t version;
  std::memcpy(&version, value.data(), 4);
  if (le32toh(version) != kVersion) return std::nullopt;
  Acl acl;
  for (std::size_t at = 4; at < value.size(); at += kEntrySize) {
    AclEntry entry;
    std::memcpy(&entry.tag, value.data() + at, 2);
    std::memcpy(&entry.perm, value.data() + at + 2, 2);
    std::memcpy(&entry.id, value.data() + at + 4, 4);
    acl.push_back({le16toh(entry.tag), le16toh(entry.perm), le32toh(entry.id)});
  }
  return acl;
}

std::string format_acl(const Acl& acl) {
  std::string value(4 + acl.size() * kEntrySize, '\0');
  const std::uint32_t version = htole32(kVersion);
  std::memcpy(value.data(), &version, 4);
  char* at = value.data() + 4;
  for (const AclEntry& entry : acl) {
    const std::uint16_t tag = htole16(entry.tag), perm = htole16(entry.perm);
    const std::uint32_t id = htole32(entry.id);
    std::memcpy(at, &tag, 2);
    std::memcpy(at + 2, &perm, 2);
    std::memcpy(at + 4, &id, 4);
    at += kEntrySize;
  }
  return value;
}

InheritedAcl inherit_acl(Acl acl, mode_t mode) {
  bool extended = false;
  AclEntry* group = nullptr;
  AclEntry* mask = nullptr;
  const auto restrict = [&mode](AclEntry& entry, int shift) {
    entry.perm &= static_cast<std::uint16_t>((mode >> shift) & 7);
    mode &= ~(static_cast<mode_t>(7) << shift) | (static_cast<mode_t>(entry.perm) << shift);
  };
  for (AclEntry& entry : acl) {
    switch (entry.tag) {
      case kUserObj:
        restrict(entry, 6);
        break;
      case kOther:
        restrict(entry, 0);
        break;
      case kGroupObj:
        group = &entry;
        break;
      case kMask:
        mask = &entry;
        extended = true;
        break;
      default:
        extended = true;
    }
  }
  if (mask) {
    restrict(*mask, 3);
  } else if (group) {
    restrict(*group, 3);
  }
  InheritedAcl result{mode, std::nullopt};
  if (extended) result.access = std::move(acl);
  return result;
}

bool acl_grants(const Acl& acl, const Caller& caller, uid_t uid, gid_t gid, int want) {
  int mask = 7;
  for (const AclEntry& entry : acl) {
    if (entry.tag == kMask) mask = entry.perm;
  }
  bool group_matched = false;
  for (const AclEntry& entry : acl) {
    const bool grants = (entry.perm & want) == want;
    switch (entry.tag) {
      case kUserObj:
        if (caller.uid == uid) return grants;
        break;
      case kUser:
        if (caller.uid == entry.id) return grants && (mask & want) == want;
        break;
      case kGroupObj:
      case kGroup:
        if (caller.in_group(entry.tag == kGroup ? entry.id : gid)) {
          group_matched = true;
          if (grants) return (mask & want) == want;
        }
        break;
      case kOther:
        return !group_matched && grants;
      default:
        break;
    }
  }
  return false;
}

}  // namespace userlay
