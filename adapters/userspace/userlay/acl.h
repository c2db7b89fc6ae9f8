// POSIX ACLs in the kernel's xattr encoding: inheritance and access checks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/userspace/userlay/userlay.h"

namespace userlay {

inline constexpr const char* kAccessAcl = "system.posix_acl_access";
inline constexpr const char* kDefaultAcl = "system.posix_acl_default";

struct AclEntry {
  std::uint16_t tag = 0;
  std::uint16_t perm = 0;
  std::uint32_t id = 0;
};

using Acl = std::vector<AclEntry>;

// Nothing for a value the kernel would refuse.
std::optional<Acl> parse_acl(const std::string& value);
std::string format_acl(const Acl& acl);

struct InheritedAcl {
  mode_t mode = 0;
  std::optional<Acl> access;  // absent when the mode says it all
};

// What an object created with `mode` gets from its directory's default ACL.
InheritedAcl inherit_acl(Acl default_acl, mode_t mode);

// Whether the entries (of an object owned by uid:gid) grant all of `mask` (R_OK, W_OK, X_OK).
bool acl_grants(const Acl& acl, const Caller& caller, uid_t uid, gid_t gid, int mask);

}  // namespace userlay
