// POSIX ACLs: text with numeric ids <-> the value of a system.posix_acl_* extended attribute.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ovlcheck {

inline constexpr const char* kAclXattr = "system.posix_acl_access";
inline constexpr const char* kDefaultAclXattr = "system.posix_acl_default";

// "u::rw-,u:1000:r--,g::r--,m::r--,o::---" -> attribute value, entries in the order given. Nothing if the
// text is malformed.
std::optional<std::string> xattr_from_acl(std::string_view text);

// The way back; nothing if the value is malformed.
std::optional<std::string> acl_from_xattr(std::string_view value);

}  // namespace ovlcheck
